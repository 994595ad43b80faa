/** The part of the ledger's contract about turns that wait for a place, for a token or for an out lane. */
import { describe, expect, test } from "vitest";
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { isDue } from "#core/turn/clocks.ts";
import { type LaneId, type Lease, sessionLane } from "#core/turn/lane.ts";
import { type NewTurn, SessionKey } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Asker, TurnCaps } from "#ports/turns.ts";
import {
  anAnswer,
  aPrompt,
  aRow,
  aSession,
  aTurn,
  CAPS,
  currentTurn,
  dueAt,
  ECHO,
  leaseOf,
  NOW,
  OUT_LANE,
  ROOM,
  settled,
  startAttempt,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const GUIDE = AgentId.parse("guide");
const ONE = { ...CAPS, all: 1 };

interface Waiter {
  turn: NewTurn;
  lease: Lease;
  lane: LaneId;
}

/** A turn in a session of its own. */
async function ask(ledger: Ledger, name: string, agent = ECHO): Promise<Waiter> {
  const session = SessionKey.parse(name);
  const turn = aTurn({ session, agent });
  await settled(ledger, { turns: [turn] });
  return { turn, lane: sessionLane(session), lease: await leaseOf(ledger, sessionLane(session)) };
}

const start = (ledger: Ledger, { lease, turn }: Waiter, caps: TurnCaps) => startAttempt(ledger, lease, turn, caps);
const answer = (ledger: Ledger, { lease, turn }: Waiter) => ledger.storeAnswer(lease, turn.id, anAnswer());

/** One turn that has the only place, and so many that wait for it. */
async function crowd(ledger: Ledger, names: string[], caps = ONE) {
  const first = await ask(ledger, "first");
  expect(await start(ledger, first, caps)).toBe("started");
  const waiting: Waiter[] = [];
  for (const name of names) {
    const one = await ask(ledger, name);
    expect(await start(ledger, one, caps)).toBe("full");
    await ledger.release(one.lease);
    waiting.push({ ...one, lease: await leaseOf(ledger, one.lane) });
  }
  return { first, waiting };
}

export function placesContract(make: Make): void {
  describe("a turn that waits for a place", () => waitingContract(make));
  describe("a freed place", () => freedContract(make));
  describe("turns that wait for tokens", () => tokensContract(make));

  test("open turns are counted: of the sender, of the room and in all", async () => {
    const ledger = await make();
    const sender = UserId.parse("@bob:hs.test");
    const roomId = RoomId.parse("!other");
    await settled(ledger, {
      turns: [
        aTurn(),
        aTurn({ prompt: aPrompt("x", { sender }) }),
        aTurn({ roomId }),
        { ...aTurn(), ending: "context" },
      ],
    });
    const count = async (asker?: Asker) => (await ledger.epoch(aSession("none"), undefined, asker)).open;
    expect(await count({ sender, roomId: ROOM })).toEqual({ sender: 1, room: 2, all: 3 });
    expect(await count({ sender, roomId })).toEqual({ sender: 1, room: 1, all: 3 });
  });
}

function waitingContract(make: Make): void {
  test("is not due until it is too old", async () => {
    const ledger = await make();
    const { waiting } = await crowd(ledger, ["second"]);
    for (const { lease } of waiting) await ledger.release(lease);
    expect(await dueAt(ledger, "session:second")).toBeUndefined();
    expect(await ledger.dueLanes(CAPS.lateAtMs - 1, 10)).not.toContain("session:second");
    expect(await ledger.dueLanes(CAPS.lateAtMs, 10)).toContain("session:second");
  });

  test("is due at once when it is stopped, and gets no place any more", async () => {
    const ledger = await make();
    const { first, waiting } = await crowd(ledger, ["second"]);
    await settled(ledger, { controls: [{ session: SessionKey.parse("second"), kind: "stop" }] });
    expect(await dueAt(ledger, "session:second")).toBe(0);
    for (const one of waiting) expect(await answer(ledger, one)).toEqual([]);
    expect(await answer(ledger, first)).toEqual([]);
  });

  test("is redacted like any other, and gets no place any more", async () => {
    const ledger = await make();
    const { first, waiting } = await crowd(ledger, ["second", "third"]);
    await settled(ledger, { redacted: waiting[0]?.turn.prompt.eventId ?? EventId.parse("$none") });
    expect(await answer(ledger, first)).toEqual(["third"]);
  });

  test("waits while the messages of its agent wait in its room, and then for a place", async () => {
    const ledger = await make();
    const one = await ask(ledger, "one");
    const rows = Array.from({ length: 50 }, () => aRow());
    await ledger.queueOut(one.lease, rows);
    const caps = { ...ONE, out: { lane: OUT_LANE, depth: 50 } };
    expect(await start(ledger, one, caps)).toBe("full");
    expect(await dueAt(ledger, one.lane)).toBeUndefined();
    expect(await ledger.grantPlaces(NOW)).toEqual([]);
    const out = await leaseOf(ledger, OUT_LANE);
    const seq = (await ledger.nextOut(out))?.seq ?? -1;
    const sent = { state: "sent" as const, eventId: EventId.parse("$sent") };
    expect(await ledger.endOutAndNext(out, seq, sent, NOW)).toMatchObject({ isFreed: true });
    expect(await ledger.grantPlaces(NOW)).toEqual(["one"]);
    expect(await start(ledger, one, caps)).toBe("started");
  });
}

function freedContract(make: Make): void {
  test.for<[how: string, free: (ledger: Ledger, waiter: Waiter) => Promise<unknown>]>([
    ["is answered", (ledger, one) => answer(ledger, one)],
    ["ends", (ledger, { lease, turn }) => ledger.endTurn(lease, turn.id, { ending: "silent" }, NOW)],
    ["is put off", (ledger, { lease, turn }) => ledger.postpone(lease, turn.id, NOW + 9, NOW)],
    ["fails", (ledger, { lease, turn }) => ledger.postponeFailed(lease, turn.id, NOW + 9, NOW)],
  ])("is granted in the same batch when a turn %s: to one turn, the oldest, which is due", async ([, free]) => {
    const ledger = await make();
    const { first, waiting } = await crowd(ledger, ["second", "third"]);
    expect(await free(ledger, first)).toEqual(["second"]);
    expect(await dueAt(ledger, "session:second")).toBe(0);
    expect(await dueAt(ledger, "session:third")).toBeUndefined();
    expect(await ledger.grantPlaces(NOW)).toEqual([]);
    const [second, third] = waiting;
    if (!second || !third) throw new Error("no turns");
    expect(await start(ledger, second, ONE)).toBe("started");
    expect(await answer(ledger, second)).toEqual(["third"]);
  });

  test("is kept for the turn it was granted to, and for no longer than a lost ring takes", async () => {
    const ledger = await make();
    const { first } = await crowd(ledger, ["second"]);
    const newcomer = await ask(ledger, "newcomer");
    expect(await answer(ledger, first)).toEqual(["second"]);
    expect(await start(ledger, newcomer, ONE)).toBe("full");
    const later = NOW + 100_000;
    expect(await ledger.grantPlaces(later)).toEqual(["newcomer"]);
  });

  test("of another agent is of no use where the own agent's places are taken", async () => {
    const ledger = await make();
    const caps = { ...CAPS, all: 2, agent: 1 };
    const { first } = await crowd(ledger, ["second"], caps);
    const other = await ask(ledger, "other", GUIDE);
    expect(await start(ledger, other, caps)).toBe("started");
    const behind = await ask(ledger, "behind", GUIDE);
    expect(await start(ledger, behind, caps)).toBe("full");
    expect(await answer(ledger, other)).toEqual(["behind"]);
    expect(await answer(ledger, first)).toEqual(["second"]);
  });

  test("that a dead runner or another version left is granted by the upkeep, and a raised limit too", async () => {
    const ledger = await make();
    const caps = { ...CAPS, all: 9, agent: 1 };
    await crowd(ledger, ["second", "third", "fourth"], caps);
    expect(await ledger.grantPlaces(NOW)).toEqual([]);
    const [line] = await ledger.lines(9, 10);
    expect(line).toMatchObject({ agent: ECHO, roomId: ROOM, places: 1 });
    if (line) await ledger.setPlaces(line, 3);
    expect(await ledger.grantPlaces(NOW)).toEqual(["second"]);
    expect(await ledger.lines(2, 10)).toMatchObject([{ places: 3 }]);
    expect(await ledger.grantPlaces(NOW)).toEqual([]);
    await ledger.lines(4, 10);
    expect(await ledger.grantPlaces(NOW)).toEqual(["third"]);
    // The leases of those that run have run out.
    expect(await ledger.grantPlaces(NOW + 3_600_000)).toEqual(["fourth"]);
  });
}

function tokensContract(make: Make): void {
  const bucket = { key: "sender:@alice:hs.test", perMinute: 60, spreadMs: 0 };
  const caps = { ...CAPS, buckets: [bucket] };
  const empty = async (ledger: Ledger) => {
    for (let token = 0; token < 60; token++) await ledger.takeTokens([bucket], NOW);
  };

  test("come back one at a time, each when its own token has flowed in, and find it", async () => {
    const ledger = await make();
    await empty(ledger);
    const waiters: Waiter[] = [];
    for (const name of ["one", "two", "three"]) waiters.push(await ask(ledger, name));
    for (const [at, one] of waiters.entries()) {
      expect(await start(ledger, one, caps)).toEqual({ tokensInMs: (at + 1) * 1_000 });
      expect(await currentTurn(ledger, one.lease)).toMatchObject({ waitsFor: bucket.key });
    }
    const newcomer = await ask(ledger, "newcomer");
    const nowMs = NOW + 1_000;
    expect(await start(ledger, newcomer, { ...caps, nowMs })).toEqual({ tokensInMs: 3_000 });
    for (const [at, one] of [...waiters, newcomer].entries()) {
      expect(await start(ledger, one, { ...caps, nowMs: NOW + (at + 1) * 1_000 })).toBe("started");
    }
  });

  test("that flows in after days are awaited in their order, and no wait looks like one from a clock ahead", async () => {
    const ledger = await make();
    const slow = { ...bucket, perMinute: 1 / 1_000 };
    const waits: number[] = [];
    for (const name of ["one", "two", "three", "four"]) {
      const found = await start(ledger, await ask(ledger, name), { ...CAPS, buckets: [slow] });
      if (typeof found === "object") waits.push(found.tokensInMs);
    }
    expect(waits).toEqual([...new Set(waits)].sort((one, two) => one - two));
    expect(waits).toHaveLength(4);
    for (const ms of waits) expect(isDue(NOW + ms, NOW)).toBe(false);
  });

  test("leave their token to the next one when they are stopped", async () => {
    const ledger = await make();
    await empty(ledger);
    const [one, two] = [await ask(ledger, "one"), await ask(ledger, "two")];
    await start(ledger, one, caps);
    await start(ledger, two, caps);
    await ledger.endTurn(one.lease, one.turn.id, { ending: "stopped" }, NOW);
    expect(await start(ledger, two, { ...caps, nowMs: NOW + 1_000 })).toBe("started");
  });

  test("of their sender hold up nobody else in the room", async () => {
    const ledger = await make();
    await empty(ledger);
    const room = { key: "room:!room", perMinute: 1, spreadMs: 0 };
    for (const name of ["one", "two"]) {
      await start(ledger, await ask(ledger, name), { ...CAPS, buckets: [bucket, room] });
    }
    expect(await start(ledger, await ask(ledger, "other"), { ...CAPS, buckets: [room] })).toBe("started");
  });
}
