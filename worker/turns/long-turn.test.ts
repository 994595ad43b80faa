/** A turn as long as a turn can be: what it costs, and how it is reached. */
import { afterEach, expect, test } from "vitest";
import { markdownOf, textOf } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { DatabaseCall } from "#testing/database-calls.ts";
import { delta, FINISH, type Lanes, lanesOn, type Script } from "#testing/lanes.ts";
import { aSession, aSpec, aTurn, SESSION_LANE, settled } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { type VirtualClock, virtualClock } from "#testing/virtual-clock.ts";

const MINUTE_MS = 60_000;
/** What a turn may take on the Worker, and the most statements that one of its runs may make there. */
const TURN_MS = 14 * MINUTE_MS;
const STATEMENTS_MAX = 500;

let opened: TemporaryLedger | undefined;
afterEach(() => opened?.close());

async function begin(script: Script, over: (ledger: Ledger) => Partial<Ledger> = () => ({})) {
  const calls: DatabaseCall[] = [];
  opened = await temporaryLedger(calls);
  const { ledger } = opened;
  await ledger.setAgents([aSpec("echo", { turns: { turnTime: 3_600, firstText: 3_600 } })]);
  const clock = virtualClock();
  await settled(ledger, { turns: [aTurn({ askedAtMs: clock.now() })] });
  const lanes = lanesOn({ ledger: { ...ledger, ...over(ledger) }, clock, script, turnMsMax: TURN_MS });
  calls.length = 0;
  return { ledger, clock, lanes, calls };
}

async function run({ pump }: Lanes, clock: VirtualClock): Promise<void> {
  let isOver = false;
  void pump.run(SESSION_LANE).then(() => {
    isOver = true;
  });
  await clock.until(() => isOver);
}

test("a turn of fourteen minutes with a draft and controls makes few statements in its run", async () => {
  const { ledger, clock, lanes, calls } = await begin(async function* (_request, { sleep, signal }) {
    while (!signal.aborted) {
      yield delta("word ");
      await sleep(1_000);
    }
  });
  const startedAtMs = clock.now();
  await run(lanes, clock);
  expect(clock.now() - startedAtMs).toBeGreaterThanOrEqual(TURN_MS);
  expect(lanes.sent.length).toBeGreaterThan(40);
  const statements = calls.flatMap((call) => call.statements);
  expect(statements.length).toBeLessThanOrEqual(STATEMENTS_MAX);
  expect(await ledger.transcript(aSession("mx.echo.1"), 1)).toHaveLength(1);
});

test("a turn that says nothing is not looked at between two renewals of its lease", async () => {
  const { clock, lanes, calls } = await begin(async function* (_request, { sleep }) {
    await sleep(10 * MINUTE_MS);
    yield* [delta("done"), FINISH];
  });
  await run(lanes, clock);
  const renewals = calls.filter(({ method }) => method === "renew").length;
  expect(renewals).toBeGreaterThanOrEqual(58);
  expect(calls.length - renewals).toBeLessThan(20);
});

const hanging: Script = async function* (_request, { sleep, signal }) {
  while (!signal.aborted) await sleep(MINUTE_MS);
  yield { type: "abort" };
};
const stop = { controls: [{ session: aSession("mx.echo.1"), kind: "stop" as const }] };

test("rings without end, of a long queue, make few statements, and a control among them is soon seen", async () => {
  const { ledger, clock, lanes, calls } = await begin(hanging);
  const isOver = run(lanes, clock);
  for (let second = 0; second < 13 * 60; second++) {
    lanes.pump.nudge(SESSION_LANE);
    await clock.sleep(1_000);
  }
  expect(calls.flatMap((call) => call.statements).length).toBeLessThanOrEqual(STATEMENTS_MAX / 2);
  await settled(ledger, stop);
  lanes.pump.nudge(SESSION_LANE);
  const askedAtMs = clock.now();
  await isOver;
  expect(clock.now() - askedAtMs).toBeLessThan(13_000);
});

test("a control is seen at once where it is rung for, and by the next renewal where it is not", async () => {
  for (const [rings, withinMs] of [
    [true, 2_500],
    [false, 13_000],
  ] as const) {
    const { ledger, clock, lanes } = await begin(hanging);
    const isOver = run(lanes, clock);
    await clock.sleep(MINUTE_MS);
    await settled(ledger, stop);
    const askedAtMs = clock.now();
    if (rings) expect(lanes.pump.nudge(SESSION_LANE)).toBe(true);
    await isOver;
    expect(clock.now() - askedAtMs).toBeLessThan(withinMs);
    const [past] = await ledger.transcript(aSession("mx.echo.1"), 1);
    expect([past?.ending, past && textOf(past.prompt.parts)]).toEqual(["stopped", "hello"]);
    opened?.close();
  }
});

test("a ring that comes before the turn listens is heard", async () => {
  const { clock, lanes } = await begin(hanging, (ledger) => ({
    // The claim has read the turn without the stop by now, and the backend is not asked yet.
    async startAttempt(...given) {
      await settled(ledger, stop);
      expect(lanes.pump.nudge(SESSION_LANE)).toBe(true);
      return ledger.startAttempt(...given);
    },
  }));
  const askedAtMs = clock.now();
  await run(lanes, clock);
  expect(clock.now() - askedAtMs).toBeLessThan(2_500);
});

test("a stop and an interrupt outlive a runner that dies between seeing them and storing what came of them", async () => {
  for (const [kind, said] of [
    ["stop", "*(Stopped.)*"],
    ["interrupt", "*(Interrupted by a newer message.)*"],
  ] as const) {
    let isDead = false;
    const { ledger, clock, lanes } = await begin(hanging, (real) => ({
      async storeAnswer(...given) {
        if (isDead) return real.storeAnswer(...given);
        isDead = true;
        throw new Error("killed");
      },
    }));
    const died = run(lanes, clock);
    await clock.sleep(MINUTE_MS);
    await settled(ledger, { controls: [{ session: aSession("mx.echo.1"), kind }] });
    lanes.pump.nudge(SESSION_LANE);
    await died;
    expect(lanes.logged.map(({ event }) => event)).toContain("lane_failed");
    await clock.pass(MINUTE_MS);
    await run(lanes, clock);
    const [past] = await ledger.transcript(aSession("mx.echo.1"), 1);
    expect([past?.state, past?.reply && markdownOf(past.reply.parts)]).toEqual(["delivered", said]);
    opened?.close();
  }
});

test.for([-365, -1, 1, 365])(
  "a clock that is moved by %i days during a turn does not change how long it may take",
  async (days) => {
    let offMs = 0;
    let waits = 0;
    const { clock: steady, ledger } = await begin(hanging);
    const clock: VirtualClock = {
      ...steady,
      now: () => steady.now() + offMs,
      sleep(ms, signal) {
        waits++;
        return steady.sleep(ms, signal);
      },
    };
    await ledger.setAgents([aSpec("echo", { turns: { turnTime: 600, firstText: 60 } })]);
    const script: Script = async function* (request, context) {
      yield delta("word ");
      yield* hanging(request, context);
    };
    const isOver = run(lanesOn({ ledger, clock, script, turnMsMax: TURN_MS }), clock);
    const startedAtMs = steady.now();
    await steady.sleep(30_000);
    offMs = days * 24 * 60 * MINUTE_MS;
    await isOver;
    expect(steady.now() - startedAtMs).toBeGreaterThanOrEqual(10 * MINUTE_MS);
    expect(steady.now() - startedAtMs).toBeLessThan(11 * MINUTE_MS);
    expect(waits).toBeLessThan(500);
  },
);
