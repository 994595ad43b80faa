/** A message that is taken back while its turn runs, from end to end. */
import { afterEach, expect, test, vi } from "vitest";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage, anEvent } from "#testing/events.ts";
import { aSpec } from "#testing/ledger-rows.ts";
import { everyRow } from "#testing/tables.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "./clock.ts";

const [ALICE, GUIDE] = ["@alice:hs.test", "@agent_guide:hs.test"];
const soon = { timeout: 4_000, interval: 20 };

let world: Composed;
let database: TemporaryLedger;
afterEach(() => world.close());

const takenBack = (eventId: string) =>
  anEvent({ type: "m.room.redaction", sender: ALICE, redacts: eventId, content: { redacts: eventId } });
const verdict = (name: string) =>
  vi.waitFor(async () => expect(await world.ledger.verdicts()).toHaveProperty(name), soon);

async function takenBackWhileItRuns(text: string) {
  database = await temporaryLedger();
  await database.ledger.setAgents([aSpec("guide", { backend: { use: "scripted" } })]);
  world = await composed({}, {}, systemClock, database);
  await world.joined(ALICE, GUIDE);
  const asked = aMessage(text);
  await world.push(asked);
  await vi.waitFor(async () => expect((await world.ledger.figures(0)).runningTurns).toBe(1), soon);
  return asked;
}

test("the next runner of a turn whose message was taken back asks no backend, and says nothing", async () => {
  const asked = await takenBackWhileItRuns("slow 60");
  await world.push(takenBack(asked.event_id));
  await verdict("redaction");
  await world.app.pump.stop(0);
  await world.another("successor").sweep();
  await vi.waitFor(world.settled, soon);
  expect(world.bodies()).toEqual([]);
  expect((await world.ledger.deadLetters(5)).length).toBe(0);
  expect(world.lines.filter((line) => line.startsWith("turn_started"))).toHaveLength(1);
});

test("a turn that runs on after its message was taken back keeps its answer, and nothing of the message", async () => {
  const asked = await takenBackWhileItRuns("slow 1 hunter2");
  await world.push(takenBack(asked.event_id));
  await vi.waitFor(() => expect(world.bodies()).toEqual([expect.stringMatching(/^That took a while/)]), soon);
  await vi.waitFor(world.settled, soon);
  const rows = await everyRow(database.client);
  expect(rows).toContain("That took a while");
  expect(rows).not.toContain("hunter2");
});
