/** Events that are read back are read and stored as those that are pushed: within their bounds, in slices. */
import { afterEach, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { ok } from "#core/result.ts";
import { aMessage } from "#testing/events.ts";
import { anIntent } from "#testing/intent.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { readBack } from "./gaps.ts";

let open: TemporaryLedger;
afterEach(() => open.close());

/** Reads back what the homeserver answers, oldest first. */
async function readingBack(...answered: unknown[]) {
  open = await temporaryLedger();
  const { ledger } = open;
  const [first] = answered;
  await ledger.accept({ events: [first as never], deadLetters: [], nowMs: 1 });
  const stored: number[] = [];
  let pauses = 0;
  const spied = {
    ...ledger,
    accept: (intake: Parameters<typeof ledger.accept>[0]) => {
      stored.push(intake.events.reduce((size, event) => size + JSON.stringify(event).length, 0));
      return ledger.accept(intake);
    },
  };
  const clock = { now: () => 1, sleep: async () => void pauses++ };
  const intent = anIntent(async () => ok({ chunk: answered.toReversed() }));
  const missing = await readBack({ ledger: spied, clock }, intent, ROOM);
  const { rows } = await open.client.execute(
    "SELECT event_id AS id FROM events ORDER BY coalesce(after_seq + 0.5, seq), seq",
  );
  return { missing, stored, pauses, ids: rows.map(({ id }) => id) };
}

const nested = (levels: number): unknown => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`);

test("large ones are stored a slice at a time, in their order, and other work goes on between them", async () => {
  const large = Array.from({ length: 30 }, (_, n) => aMessage("x".repeat(60_000), { event_id: `$large${n}` }));
  const { missing, stored, pauses, ids } = await readingBack(aMessage("first", { event_id: "$first" }), ...large);
  expect(missing).toBe(30);
  expect(ids).toEqual(["$first", ...large.map(({ event_id }) => event_id)]);
  expect(stored.length).toBe(2);
  expect(Math.max(...stored)).toBeLessThan(BOUNDS.gapSlice.max + BOUNDS.eventSize.max);
  expect(pauses).toBeGreaterThan(2);
});

test.for<[name: string, event: () => unknown]>([
  ["too deep", () => aMessage("deep", { content: { deep: nested(5_000) } })],
  ["too large", () => aMessage("x".repeat(BOUNDS.eventSize.max))],
  ["of another room", () => aMessage("other", { room_id: "!other" })],
  ["no event", () => ({ type: "x" })],
])("one that is %s keeps the others from nothing", async ([, event]) => {
  const [first, last] = [aMessage("first", { event_id: "$first" }), aMessage("last", { event_id: "$last" })];
  expect(await readingBack(first, event(), last)).toMatchObject({ missing: 1, ids: ["$first", "$last"] });
});
