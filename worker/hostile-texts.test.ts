/** The work that hostile texts make, from the door to the sent message: rows, requests and pauses are counted, and no time. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import type { Clock } from "#ports/host.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";
import { PATHOLOGICAL, repeated } from "#testing/mangle/texts.ts";
import { ALICE, ECHO, soon } from "#testing/room.ts";
import { systemClock } from "./clock.ts";

const LENGTH = 60_000;
/** The part that weighs most is about this long. */
const PARTS_MAX = 80;
const CALLS_A_PART = 4;
const CALLS_BESIDE = 40;

let world: Composed | undefined;
afterEach(() => world?.close());

describe("a text of 60 kB is echoed whole, with as few rows and calls as any other", () => {
  test.for(Object.entries(PATHOLOGICAL))("%s", async ([, piece]) => {
    let pauses = 0;
    const clock: Clock = {
      now: systemClock.now,
      sleep(ms, signal) {
        if (ms <= 0) pauses++;
        return systemClock.sleep(ms, signal);
      },
    };
    world = await composed({ echo: { backend: { use: "echo" } } }, { SENDER_TURNS_PER_MINUTE: "0" }, clock);
    await world.joined(ALICE, ECHO);
    const body = repeated(piece, LENGTH);
    const { ledger, server, calls } = world;
    await world.push(aMessage(body));
    await vi.waitFor(async () => expect(await ledger.dueLanes(Date.now() + 60_000, 1)).toEqual([]), soon);

    const sent = server.sent.map(({ content }) => String(content["body"]));
    expect(sent.length).toBeLessThan(PARTS_MAX);
    expect(pauses).toBeGreaterThanOrEqual(sent.length - 1);
    expect(calls.length).toBeLessThan(CALLS_BESIDE + CALLS_A_PART * sent.length);
    const letters = (text: string) => text.replaceAll(/[\s`~]/g, "");
    expect(letters(sent.join("")).length).toBeGreaterThanOrEqual(letters(body).length);
    for (const { content } of server.sent) {
      expect(new TextEncoder().encode(JSON.stringify(content)).length).toBeLessThanOrEqual(BOUNDS.eventContent.max);
    }
  });
});
