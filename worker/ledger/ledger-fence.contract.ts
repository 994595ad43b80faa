/** The part of the ledger's contract about writes that must not happen: by a runner whose lease ran out, by half of a batch. */
import { describe, expect, test } from "vitest";
import type { AgentSpec } from "#core/configuration/agent.ts";
import { EventId, UserId } from "#core/protocol/ids.ts";
import type { LaneId, Lease } from "#core/turn/lane.ts";
import type { Turn, WaitingEvent } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { DeadLetter } from "#ports/operator.ts";
import type { Granted } from "#ports/turns.ts";
import { anEvent } from "#testing/events.ts";
import {
  anAnswer,
  aRequest,
  aRow,
  aSession,
  aSettled,
  aSpec,
  aTurn,
  aTurnId,
  aWaiting,
  CAPS,
  currentTurn,
  dueAt,
  ECHO,
  isDelivered,
  keyOf,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  ROOM,
  ROOM_LANE,
  SESSION_LANE,
  settled,
  startAttempt,
  waiting,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;
type Lanes = Record<"room" | "session" | "out", Lease>;
interface World {
  event: WaitingEvent;
  seq: number;
  stale: Lanes;
  /** The turn that waits behind another one. */
  behind: Turn;
  held: Lanes;
}

const LETTER: DeadLetter = { kind: "outbox", reason: "refused", raw: "{}" };
const LACK = { ending: "timeout" as const, deadLetter: { ...LETTER, kind: "turn" as const } };
const SENT = { state: "sent" as const, eventId: EventId.parse("$sent") };
/** Breaks a NOT NULL of the schema: how a test makes a statement in the middle of a batch fail. */
const NOTHING = null as unknown as string;

/** Everything a late runner could damage: two turns (one answered), an interrupt, a frozen row, an undecided event. */
async function world(ledger: Ledger): Promise<World> {
  await ledger.setAgents([aSpec("echo")]);
  const open = aTurn({ id: "open" });
  await queued(ledger, open);
  await settled(ledger, {
    turns: [aTurn({ id: "answered", session: "mx.echo.2" }), aTurn({ id: "behind" })],
    controls: [{ session: aSession("mx.echo.1"), kind: "interrupt" as const }],
  });
  await ledger.storeAnswer(await leaseOf(ledger, "session:mx.echo.2"), aTurnId("answered"), anAnswer());
  const [, event] = await waiting(ledger);
  const claim = async (): Promise<Lanes> => ({
    room: await leaseOf(ledger, ROOM_LANE),
    session: await leaseOf(ledger, SESSION_LANE),
    out: await leaseOf(ledger, OUT_LANE),
  });
  const stale = await claim();
  await ledger.queueOut(stale.out, [aRow({ key: "row" })]);
  const seq = (await ledger.nextOut(stale.out))?.seq ?? -1;
  const held = await claim();
  const first = await currentTurn(ledger, held.session);
  if (!first) throw new Error("there is no turn");
  return { event, seq, stale, held, behind: first };
}

/** The state of the world, read with the valid leases and without a change. */
async function seen(ledger: Ledger, { held }: World) {
  return {
    undecided: await ledger.nextEvents(held.room, 10),
    verdicts: await ledger.verdicts(),
    sessions: await ledger.openSessions(ROOM, undefined, [ECHO]),
    room: await ledger.room(ROOM),
    turn: await currentTurn(ledger, held.session),
    controls: await ledger.controls(held.session, { session: aSession("mx.echo.1"), seq: 0 }),
    due: [await dueAt(ledger, SESSION_LANE), await dueAt(ledger, "session:mx.echo.2"), await dueAt(ledger, OUT_LANE)],
    row: await ledger.nextOut(held.out),
    late: await ledger.outboxRow(keyOf("late")),
    letters: await ledger.deadLetters(10),
  };
}

const late = aRow({ key: "late" });
const broken = aRow({ turnId: aTurnId("broken"), userId: NOTHING as UserId });
const settlement = aSettled({
  reason: "wake_thread",
  turns: [aTurn({ session: "mx.echo.9" })],
  members: [{ userId: UserId.parse("@agent_echo:hs.test"), membership: "join" }],
  controls: [{ session: aSession("mx.echo.9"), kind: "stop" as const }],
});

const wrote = async (granted: Promise<Granted>) => (await granted) !== undefined;

/** Every method that takes a lease and writes. */
const WRITES: [name: string, write: (ledger: Ledger, lanes: Lanes, world: World) => Promise<boolean>][] = [
  ["renew", async (ledger, { session }) => (await ledger.renew(session, NOW * 2)) !== "lost"],
  ["settle", (ledger, { room }, { event }) => ledger.settle(room, event, settlement)],
  [
    "settleAndNext",
    async (ledger, { room }, { event }) => (await ledger.settleAndNext(room, event, settlement)).isWritten,
  ],
  [
    "ignoreAndNext",
    async (ledger, { room }, { event }) =>
      (await ledger.ignoreAndNext(room, [{ seq: event.seq, reason: "notice" }])).isWritten,
  ],
  ["putOffEvent", (ledger, { room }, { event }) => ledger.putOffEvent(room, event, NOW + 1, "failure")],
  ["storeProgress", (ledger, { room }, { event }) => ledger.storeProgress(room, event, "{}", [late])],
  ["ignore", (ledger, { room }, { event }) => ledger.ignore(room, [{ seq: event.seq, reason: "notice" }])],
  [
    "startAttempt",
    async (ledger, { session }) =>
      (await startAttempt(ledger, session, { id: aTurnId("open"), agent: ECHO }, CAPS)) === "started",
  ],
  ["postpone", (ledger, { session }) => wrote(ledger.postpone(session, aTurnId("open"), NOW + 1, NOW))],
  ["dropControls", (ledger, { session }) => ledger.dropControls(session, { session: aSession("mx.echo.1") })],
  ["postponeFailed", (ledger, { session }) => wrote(ledger.postponeFailed(session, aTurnId("open"), NOW + 1, NOW))],
  [
    "storeAnswer",
    (ledger, { session }) => wrote(ledger.storeAnswer(session, aTurnId("open"), anAnswer("hi", { rows: [late] }))),
  ],
  [
    "answered for want of an answer",
    (ledger, { session }) =>
      wrote(ledger.storeAnswer(session, aTurnId("open"), anAnswer("hi", { rows: [late], lack: LACK }))),
  ],
  ["endTurn", (ledger, { session }) => wrote(ledger.endTurn(session, aTurnId("open"), LACK, NOW))],
  ["storeShown", (ledger, { session }) => ledger.storeShown(session, aTurnId("open"), "half")],
  ["merge", async (ledger, { session }, { behind }) => (await ledger.merge(session, behind, "all")) === 1],
  ["markDelivered", (ledger, { session }) => isDelivered(ledger, session, { id: aTurnId("answered") })],
  ["queueOut", (ledger, { out }) => ledger.queueOut(out, [late])],
  ["freezeOut", (ledger, { out }, { seq }) => ledger.freezeOut(out, seq, aRequest())],
  ["ended as sent", (ledger, { out }, { seq }) => ledger.endOut(out, seq, SENT, NOW)],
  ["ended as dead", (ledger, { out }, { seq }) => ledger.endOut(out, seq, { state: "dead", deadLetter: LETTER }, NOW)],
  ["endOutAndNext", async (ledger, { out }, { seq }) => (await ledger.endOutAndNext(out, seq, SENT, NOW)).isReleased],
  ["retryOut", (ledger, { out }, { seq }) => ledger.retryOut(out, seq, NOW + 1, "500 M_UNKNOWN")],
];

/** The writes that release the lease where they leave no work. */
const LAST_WRITES: [
  name: string,
  lane: LaneId,
  write: (ledger: Ledger, lease: Lease) => Promise<{ isReleased: boolean }>,
][] = [
  ["settleAndNext", ROOM_LANE, (ledger, lease) => ledger.settleAndNext(lease, NO_EVENT, aSettled())],
  ["ignoreAndNext", ROOM_LANE, (ledger, lease) => ledger.ignoreAndNext(lease, [])],
  ["markDelivered", SESSION_LANE, (ledger, lease) => ledger.markDelivered(lease, { id: aTurnId("none") }, OUT_LANE)],
  ["endOutAndNext", OUT_LANE, (ledger, lease) => ledger.endOutAndNext(lease, -1, SENT, NOW)],
];
const NO_NEXT = { next: undefined, isReleased: false };
const NO_EVENT = aWaiting(anEvent(), { seq: -1 });

export function fenceContract(make: Make): void {
  describe("a runner whose lease ran out", () => {
    test.for(WRITES)("writes nothing with %s, where the runner with the lease does", async ([, write]) => {
      const ledger = await make();
      const it = await world(ledger);
      const before = await seen(ledger, it);
      expect(await write(ledger, it.stale, it)).toBe(false);
      expect(await seen(ledger, it)).toEqual(before);
      // The same call with the valid lease writes, so the fence stopped the first one.
      expect(await write(ledger, it.held, it)).toBe(true);
    });

    test.for(LAST_WRITES)(
      "does not release the holder's lease with %s where no work is left",
      async ([, lane, write]) => {
        const ledger = await make();
        const [stale, holder] = [await leaseOf(ledger, lane), await leaseOf(ledger, lane)];
        expect((await write(ledger, stale)).isReleased).toBe(false);
        expect(await ledger.renew(holder, NOW * 2)).toBe("held");
        expect((await write(ledger, holder)).isReleased).toBe(true);
        expect(await ledger.renew(holder, NOW * 2)).toBe("lost");
      },
    );

    test("reads no work, with its last write neither", async () => {
      const ledger = await make();
      const { stale } = await world(ledger);
      expect(await ledger.nextEvents(stale.room, 10)).toEqual([]);
      expect(await currentTurn(ledger, stale.session)).toBeUndefined();
      expect(await ledger.nextOut(stale.out)).toBeUndefined();
      expect(await ledger.settleAndNext(stale.room, NO_EVENT, aSettled())).toMatchObject({ next: [] });
      expect(await ledger.ignoreAndNext(stale.room, [])).toMatchObject({ next: [] });
      expect(await ledger.markDelivered(stale.session, { id: aTurnId("none") }, OUT_LANE)).toMatchObject(NO_NEXT);
      expect(await ledger.endOutAndNext(stale.out, -1, SENT, NOW)).toMatchObject(NO_NEXT);
    });
  });
}

/** Batches whose last part fails. */
const BROKEN: [name: string, write: (ledger: Ledger, world: World) => Promise<unknown>][] = [
  [
    "accept",
    (ledger) => ledger.accept({ events: [anEvent()], deadLetters: [{ ...LETTER, reason: NOTHING }], nowMs: NOW }),
  ],
  [
    "settle",
    (ledger, { held, event }) =>
      ledger.settle(held.room, event, {
        ...settlement,
        controls: [{ session: aSession("mx.echo.1"), kind: NOTHING as "stop" }],
      }),
  ],
  [
    "storeAnswer",
    (ledger, { held }) => ledger.storeAnswer(held.session, aTurnId("open"), anAnswer("hi", { rows: [late, broken] })),
  ],
  ["queueOut", (ledger, { held }) => ledger.queueOut(held.out, [late, broken])],
  [
    "endOut",
    (ledger, { held, seq }) =>
      ledger.endOut(held.out, seq, { state: "dead", deadLetter: { ...LETTER, reason: NOTHING } }, NOW),
  ],
  [
    "setMembers",
    (ledger) => ledger.setMembers(ROOM, [{ userId: UserId.parse("@x:y"), membership: NOTHING as "join" }]),
  ],
  [
    "setAgents",
    (ledger) => ledger.setAgents([{ id: NOTHING, name: "x", backend: { use: "echo" } } as unknown as AgentSpec]),
  ],
];

export function atomicityContract(make: Make): void {
  describe("a batch that fails", () => {
    test.for(BROKEN)("leaves nothing of %s behind", async ([, write]) => {
      const ledger = await make();
      const it = await world(ledger);
      await ledger.setMembers(ROOM, [{ userId: UserId.parse("@agent_echo:hs.test"), membership: "join" }]);
      const before = await seen(ledger, it);
      await expect(write(ledger, it)).rejects.toThrow();
      expect(await seen(ledger, it)).toEqual(before);
      expect(await ledger.agents()).toHaveLength(1);
    });
  });
}
