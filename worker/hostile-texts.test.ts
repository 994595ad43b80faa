/** The work that hostile texts make, from the door to the sent message: rows, requests and pauses are counted, and no time. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import type { Clock } from "#ports/host.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";
import { PATHOLOGICAL, repeated, UNSEEN } from "#testing/mangle/texts.ts";
import { ALICE, ECHO, soon } from "#testing/room.ts";
import { systemClock } from "./clock.ts";

const LENGTH = 60_000;
/** The part that weighs most is about this long. */
const PARTS_MAX = 80;
const CALLS_A_PART = 4;
const CALLS_BESIDE = 40;

let world: Composed | undefined;
afterEach(() => world?.close());

/** The system's clock, and how often long work gave way. */
function countingClock(): { clock: Clock; pauses: () => number } {
  let pauses = 0;
  const sleep: Clock["sleep"] = (ms, signal) => {
    if (ms <= 0) pauses++;
    return systemClock.sleep(ms, signal);
  };
  return { clock: { now: systemClock.now, sleep }, pauses: () => pauses };
}

test("the events of a long queue are decided with pauses between them", async () => {
  const { clock, pauses } = countingClock();
  world = await composed({ echo: { backend: { use: "echo" } } }, {}, clock);
  await world.joined(ALICE, ECHO, "@bob:hs.test");
  const { ledger } = world;
  const count = 4 * BOUNDS.eventsAtOnce.max;
  await world.push(...Array.from({ length: count }, () => aMessage("to nobody")));
  await vi.waitFor(async () => expect((await ledger.verdicts())["not_addressed"]).toBe(count), soon);
  expect(pauses()).toBeGreaterThanOrEqual(count / BOUNDS.eventsAStretch.max - 1);
});

describe("a text of 60 kB is echoed whole, with as few rows and calls as any other", () => {
  test.for(Object.entries(PATHOLOGICAL))("%s", async ([, piece]) => {
    const { clock, pauses } = countingClock();
    world = await composed({ echo: { backend: { use: "echo" } } }, { SENDER_TURNS_PER_MINUTE: "0" }, clock);
    await world.joined(ALICE, ECHO);
    const body = repeated(piece, LENGTH);
    const { ledger, server, calls } = world;
    await world.push(aMessage(body));
    await vi.waitFor(async () => expect(await ledger.dueLanes(Date.now() + 60_000, 1)).toEqual([]), soon);

    const sent = server.sent.map(({ content }) => String(content["body"]));
    expect(sent.length).toBeLessThan(PARTS_MAX);
    expect(pauses()).toBeGreaterThanOrEqual(sent.length - 1);
    expect(calls.length).toBeLessThan(CALLS_BESIDE + CALLS_A_PART * sent.length);
    const letters = (text: string) => text.replaceAll(/[\s`~]/g, "");
    expect(letters(sent.join("")).length).toBeGreaterThanOrEqual(letters(body).length);
    for (const { content } of server.sent) {
      expect(new TextEncoder().encode(JSON.stringify(content)).length).toBeLessThanOrEqual(BOUNDS.eventContent.max);
    }
  });
});

describe("a text of 30 kB that is read as people see it is answered with as few calls, and so is the next one", () => {
  test.for(Object.entries(UNSEEN))("%s", async ([, piece]) => {
    world = await composed({ echo: { backend: { use: "echo" } } }, { SENDER_TURNS_PER_MINUTE: "0" });
    await world.joined(ALICE, ECHO);
    const { server, calls } = world;
    const text = repeated(piece, LENGTH / 2);
    const content = {
      format: "org.matrix.custom.html",
      formatted_body: text,
      "com.beeper.per_message_profile": { displayname: repeated(piece, 190), has_fallback: true },
      "m.relates_to": { "m.in_reply_to": { event_id: "$before" } },
    };
    await world.push(aMessage(text, { content }), aMessage(`!status ${text}`), aMessage("and now?"));
    await vi.waitFor(() => expect(world?.bodies()).toContain("echo and now?"), soon);
    expect(server.sent.length).toBeLessThan(PARTS_MAX);
    expect(calls.length).toBeLessThan(3 * CALLS_BESIDE + CALLS_A_PART * server.sent.length);
  });
});
