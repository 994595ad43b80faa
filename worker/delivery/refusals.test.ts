/** Messages that the homeserver refuses again and again: how often they are tried, and when the lane goes on without them. */
import { afterEach, expect, test } from "vitest";
import type { HomeserverError } from "#core/protocol/errcode.ts";
import { err, ok } from "#core/result.ts";
import { anIntent } from "#testing/intent.ts";
import { aRow, aSpec, aTurn, leaseOf, NOW, OUT_LANE, queued } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { outLane } from "./out-lane.ts";

const MINUTE_MS = 60_000;
/** More than any test needs, so that one that fails ends. */
const TRIES_MAX = 500;
const AWAY: HomeserverError = { status: 0, errcode: "M_UNREACHABLE", message: "away" };
const BROKEN: HomeserverError = { status: 500, errcode: "M_UNKNOWN", message: "" };
const BEHIND_PROXY: HomeserverError = { status: 502, errcode: "M_UNKNOWN", message: "" };
const limited = (retryAfterMs: number): HomeserverError => ({
  status: 429,
  errcode: "M_LIMIT_EXCEEDED",
  message: "",
  retryAfterMs,
});

let opened: TemporaryLedger | undefined;
afterEach(() => opened?.close());

const turn = aTurn();

type Given = Parameters<typeof aRow>[0] & { key: string };

/** A row, and another one behind it that is always taken. */
async function world(row: Given) {
  opened = await temporaryLedger();
  const { ledger } = opened;
  await ledger.setAgents([aSpec("echo")]);
  await ledger.setGhost({ userId: aRow().userId, deviceId: "PHONE" });
  await queued(ledger, turn);
  await ledger.queueOut(await leaseOf(ledger, OUT_LANE), [aRow(row), aRow({ key: "behind.0.original" })]);
  const it = { nowMs: NOW, tries: 0, answers: (_try: number): HomeserverError | undefined => undefined, isWell: true };
  const intent = anIntent(async ({ path }) => {
    if (/account_data|whoami/.test(path)) return it.isWell ? ok({ user_id: aRow().userId }) : err(AWAY);
    const error = path.endsWith(row.key) ? it.answers(it.tries++) : undefined;
    return error ? err(error) : ok({ event_id: "$sent" });
  });
  const made = async () => ok({ deviceId: "PHONE" });
  const work = outLane({
    ledger,
    ghosts: { existing: () => intent, intent: made, bot: made },
    clock: { now: () => it.nowMs, sleep: async () => undefined },
    log: () => undefined,
    random: () => 0.5,
    ring: async () => undefined,
    sendFloorMs: 0,
  });
  const run = async () => {
    const lease = await leaseOf(ledger, OUT_LANE, "runner", it.nowMs);
    const running = { lease, lost: new AbortController().signal, rung: async () => undefined };
    await work({ ...running, release: (write) => write() }, await ledger.nextOut(lease));
    await ledger.release(lease);
  };
  /** Runs the lane whenever it is due, so long or until it is empty. Gives the minutes it took. */
  const pass = async (minutes: number) => {
    const [beganMs, untilMs] = [it.nowMs, it.nowMs + minutes * MINUTE_MS];
    while (it.nowMs < untilMs && it.tries < TRIES_MAX) {
      await run();
      const dueAtMs = await ledger.release({ lane: OUT_LANE, fence: -1 });
      if (dueAtMs === undefined) break;
      it.nowMs = Math.max(it.nowMs + 1, dueAtMs);
    }
    return (it.nowMs - beganMs) / MINUTE_MS;
  };
  return Object.assign(it, { ledger, pass });
}

const DAY = 24 * 60;

const ROWS: [name: string, row: Given][] = [
  ["the end of a draft", { key: "t.0.final", turnId: turn.id }],
  ["a notice", { key: "n.0.original" }],
];
const WAYS: [name: string, answers: (n: number) => HomeserverError, minutes: number][] = [
  ["a rate limit without end", () => limited(1e15), 90],
  ["two errors by turns", (n) => (n % 2 ? BROKEN : BEHIND_PROXY), 120],
  ["an error and silence by turns", (n) => (n % 2 ? BROKEN : AWAY), 120],
];

test.for(ROWS.flatMap(([row, given]) => WAYS.map(([way, ...rest]) => [row, way, given, ...rest] as const)))(
  "%s that meets %s does not block its lane for ever",
  async ([, , row, answers, minutes]) => {
    const it = await world(row);
    it.answers = answers;
    expect(await it.pass(DAY)).toBeLessThan(minutes);
    expect(await it.ledger.deadLetters(5)).toMatchObject([{ kind: "outbox" }]);
  },
);

test("a long outage buries nothing, whatever the homeserver answers while it comes back", async () => {
  const it = await world({ key: "n.0.original" });
  it.answers = () => AWAY;
  it.isWell = false;
  await it.pass(180);
  const tries = it.tries;
  it.answers = (n) => [BEHIND_PROXY, limited(100), BROKEN, BEHIND_PROXY, limited(3_000)][n - tries];
  it.isWell = true;
  expect(await it.pass(DAY)).toBeLessThan(10);
  expect(await it.ledger.deadLetters(5)).toEqual([]);
});

test("a rate limit of a millisecond is not obeyed for ever", async () => {
  const it = await world({ key: "n.0.original" });
  it.answers = () => limited(1);
  await it.pass(5);
  expect(it.tries).toBeLessThan(20);
});
