/**
 * How often one message calls the database. On D1 every call is a request over the network, so a new call on the way of
 * a message is a cost that this test makes visible. `npm run bench:edge` counts the same in workerd, with rows.
 */
import { afterEach, expect, test } from "vitest";
import { type Composed, composed } from "#testing/composed.ts";
import { callLines } from "#testing/database-calls.ts";
import { aMessage, anEvent } from "#testing/events.ts";

/** The most calls that each step may make. Lower a number when the calls become fewer. */
const CALLS_MAX = {
  unaddressedMessage: 4,
  answeredDirectMessage: 12,
  echoOfOwnReply: 4,
};

const ALICE = "@alice:hs.test";
const BOB = "@bob:hs.test";
const ECHO = "@agent_echo:hs.test";
/** No lane is running any more when no call was made for this long. */
const QUIET_MS = 150;

let world: Composed;
afterEach(() => world.close());

async function begin(...people: string[]): Promise<void> {
  world = await composed({ echo: { backend: { use: "echo" } } });
  await world.joined(...people, ECHO);
}

/** The calls made from the push of an event until every lane is idle again. */
async function callsOf(event: unknown): Promise<string[]> {
  const before = world.calls.length;
  await world.push(event);
  let seen = 0;
  while (seen !== world.calls.length) {
    seen = world.calls.length;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
  const calls = callLines(world.calls.slice(before));
  await world.settled();
  return calls;
}

/** Fails with the list of the calls, so that the new one can be found in it. */
function expectAtMost(max: number, calls: readonly string[]): void {
  expect(calls.length, `${calls.length} calls, at most ${max} expected:\n${calls.join("\n")}\n`).toBeLessThanOrEqual(
    max,
  );
}

test("a message that addresses no agent makes few calls", async () => {
  await begin(ALICE, BOB);
  const calls = await callsOf(aMessage("hello Bob"));
  expect(await world.ledger.verdicts()).toEqual({ not_addressed: 1 });
  expectAtMost(CALLS_MAX.unaddressedMessage, calls);
});

test("an answered direct message makes few calls, and so does the echo of its reply", async () => {
  await begin(ALICE);
  // The first answer of an agent stores its ghost and device, which every later one finds.
  await callsOf(aMessage("first"));
  const answered = await callsOf(aMessage("second"));
  expect(world.bodies()).toEqual(["echo first", "echo second"]);
  expectAtMost(CALLS_MAX.answeredDirectMessage, answered);

  const echo = await callsOf(anEvent({ sender: ECHO, content: world.server.sent[1]?.content }));
  expect(await world.ledger.verdicts()).toEqual({ wake_direct: 2, own_event: 1 });
  expectAtMost(CALLS_MAX.echoOfOwnReply, echo);
});
