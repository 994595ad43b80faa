/** Answers that cannot be sent: what it costs that they wait. */
import { afterEach, expect, test } from "vitest";
import type { HomeserverError } from "#core/protocol/errcode.ts";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import { type LaneId, outLane, sessionLane } from "#core/turn/lane.ts";
import { SessionKey } from "#core/turn/turn.ts";
import type { DatabaseCall } from "#testing/database-calls.ts";
import { delta, FINISH, lanesOn } from "#testing/lanes.ts";
import { aPrompt, aSpec, aTurn, leaseOf, settled } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { virtualClock } from "#testing/virtual-clock.ts";

const SWEEP_MS = 5_000;
const SWEEPS_A_MINUTE = 60_000 / SWEEP_MS;
const AWAY: HomeserverError = { status: 0, errcode: "M_UNREACHABLE", message: "away" };

let opened: TemporaryLedger | undefined;
afterEach(() => opened?.close());

/** As many turns of one agent, each in a room of its own, that are answered at once. */
async function world(turns: number) {
  const calls: DatabaseCall[] = [];
  opened = await temporaryLedger(calls);
  const { ledger } = opened;
  await ledger.setAgents([aSpec("echo")]);
  const clock = virtualClock();
  const outage = { trouble: undefined as HomeserverError | undefined };
  const lanes = lanesOn({
    ledger,
    clock,
    trouble: () => outage.trouble,
    async *script() {
      yield delta("done");
      yield FINISH;
    },
  });
  const names = Array.from({ length: turns }, (_, n) => `s${n}`);
  const asked = names.map((session, n) =>
    aTurn({ session, roomId: RoomId.parse(`!r${n}`), askedAtMs: clock.now(), prompt: aPrompt(session) }),
  );
  await settled(ledger, { turns: asked });
  const sessions = names.map((name): LaneId => sessionLane(SessionKey.parse(name)));
  const sweep = async () => lanes.ring(await ledger.dueLanes(clock.now(), 1_000));
  const pass = async (minutes: number) => {
    for (let sweeps = 0; sweeps < minutes * SWEEPS_A_MINUTE; sweeps++) {
      await clock.pass(SWEEP_MS);
      await sweep();
    }
  };
  return { ledger, clock, calls, outage, lanes, sessions, pass };
}

test("answers that an outage holds up do not poll, and all are sent when it is over", async () => {
  const it = await world(20);
  it.outage.trouble = AWAY;
  await it.lanes.ring(it.sessions);
  await it.pass(3);
  it.calls.length = 0;
  await it.pass(2);
  const aMinute = (it.calls.length - 2 * SWEEPS_A_MINUTE) / 2;
  // A message is tried again once a minute: by its out lane, which its session waits for.
  expect(aMinute / it.sessions.length).toBeLessThanOrEqual(12);
  it.outage.trouble = undefined;
  await it.pass(1.5);
  expect(it.lanes.sent).toHaveLength(it.sessions.length);
  expect((await it.ledger.figures(0)).openTurns).toBe(0);
}, 60_000);

test("an answer that another runner sends is over for its session within seconds", async () => {
  const it = await world(1);
  const out = outLane(UserId.parse("@agent_echo:hs.test"), RoomId.parse("!r0"));
  const lease = await leaseOf(it.ledger, out, "another", it.clock.now());
  await it.lanes.ring(it.sessions);
  await it.clock.pass(1_000);
  const row = await it.ledger.nextOut(lease);
  await it.ledger.endOutAndNext(
    lease,
    row?.seq ?? -1,
    { state: "sent", eventId: aPrompt("x").eventId },
    it.clock.now(),
  );
  await it.pass(2 / SWEEPS_A_MINUTE);
  expect((await it.ledger.figures(0)).openTurns).toBe(0);
});
