/** The part of the ledger's contract about clocks: what was written before the clock was moved delays nothing. */
import { describe, expect, test } from "vitest";
import type { RoomEvent } from "#core/protocol/event.ts";
import { UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { anEvent } from "#testing/events.ts";
import {
  aPrompt,
  aRow,
  aTurn,
  CAPS,
  currentTurn,
  ECHO,
  leaseOf,
  NOW as NOON,
  OUT_LANE,
  queued,
  ROOM,
  SESSION_LANE,
  settled,
  startAttempt,
  waiting,
} from "#testing/ledger-rows.ts";
import { pruned } from "#testing/pruned.ts";

type Make = () => Promise<Ledger>;

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** How far the clock is moved after the rows were written. */
const MOVES = [-DAY_MS, -365 * DAY_MS, DAY_MS, 365 * DAY_MS].map((ms) => [ms / DAY_MS, ms] as const);
const NOW = NOON + 400 * DAY_MS;

export function clocksContract(make: Make): void {
  describe("after the clock was moved", () => {
    waitingContract(make);
    leaseContract(make);
    pauseContract(make);
    contentsContract(make);
  });
}

function contentsContract(make: Make): void {
  const keep = { contentsMs: DAY_MS, eventIdsMs: 90 * DAY_MS, turnsMs: 90 * DAY_MS };

  test.for(AHEAD)("back from %i days ahead, %s, contents are kept no longer than promised", async ([ms, , counts]) => {
    const ledger = await make();
    const [before, ahead, after] = counts.map((count) => Array.from({ length: count }, () => anEvent()));
    for (const [events = [], nowMs] of [
      [before, NOW],
      [ahead, NOW + ms * DAY_MS],
      [after, NOW + 1],
    ] as const) {
      await ledger.accept({ events, deadLetters: [], nowMs });
    }
    const lease = await leaseOf(ledger, `room:${ROOM}`);
    const waits = await ledger.nextEvents(lease, 2_000);
    await ledger.ignore(
      lease,
      waits.map(({ seq }) => ({ seq, reason: "notice" })),
    );
    const isKept = (events: RoomEvent[] = []) =>
      Promise.all(events.slice(-1).map(({ event_id }) => ledger.event(event_id)));
    await pruned(ledger, NOW + MINUTE_MS, keep);
    expect((await isKept(after)).filter(Boolean)).toHaveLength(after?.length ? 1 : 0);
    for (let day = 1; day <= 4; day++) await pruned(ledger, NOW + day * (DAY_MS + MINUTE_MS), keep);
    expect([...(await isKept(before)), ...(await isKept(ahead)), ...(await isKept(after))].filter(Boolean)).toEqual([]);
  });
}

/** By how many days the clock was ahead, and how many events came before, meanwhile and after. */
const AHEAD: [days: number, what: string, counts: [number, number, number]][] = [
  [30, "among others", [600, 5, 5]],
  [365, "among others", [600, 5, 5]],
  [365, "many", [600, 600, 5]],
  [365, "last of all", [600, 5, 0]],
];

function waitingContract(make: Make): void {
  test.for(MOVES)("by %i days, an empty bucket has a token within a minute", async ([, ms]) => {
    const ledger = await make();
    const bucket = { key: "sender", perMinute: 2 };
    for (let taken = 0; taken < 3; taken++) await ledger.takeTokens([bucket], NOW);
    expect(await ledger.takeTokens([bucket], NOW)).toBeGreaterThan(0);
    expect(await ledger.takeTokens([bucket], NOW + ms)).toBe(0);
  });

  test("by some seconds, a bucket gives no token that it does not have", async () => {
    const ledger = await make();
    const bucket = { key: "sender", perMinute: 2 };
    for (let taken = 0; taken < 3; taken++) await ledger.takeTokens([bucket], NOW);
    expect(await ledger.takeTokens([bucket], NOW - 3_000)).toBe(30_000);
  });

  test.for(MOVES)("by %i days, those who asked before take no place from those who ask now", async ([, ms]) => {
    const ledger = await make();
    const ask = (name: string, atMs: number) =>
      ledger.offerPairing({ agent: ECHO, userId: UserId.parse(`@${name}:else.test`), code: `${name}2345`, atMs });
    for (const name of ["anna", "bert", "carl"]) expect(await ask(name, NOW)).toBeDefined();
    expect(await ask("dora", NOW)).toBeUndefined();
    expect(await ask("dora", NOW + ms)).toBe("dora2345");
  });
}

function leaseContract(make: Make): void {
  test.for(MOVES)("by %i days, a dead runner's lane is free and due within a minute", async ([, ms]) => {
    const ledger = await make();
    await queued(ledger, aTurn({ askedAtMs: NOW }));
    await leaseOf(ledger, SESSION_LANE, "dead", NOW);
    await leaseOf(ledger, `room:${ROOM}`, "dead", NOW);
    expect(await ledger.dueLanes(NOW + ms + MINUTE_MS, 5)).toContain(SESSION_LANE);
    expect(await ledger.claim(SESSION_LANE, "successor", NOW + ms + MINUTE_MS, 30_000)).toBeDefined();
  });

  test("by some seconds, a living runner's lane is not free", async () => {
    const ledger = await make();
    await queued(ledger, aTurn());
    await leaseOf(ledger, SESSION_LANE, "living", NOW);
    expect(await ledger.claim(SESSION_LANE, "other", NOW - 10_000, 30_000)).toBeUndefined();
  });

  test.for(MOVES)("by %i days, a dead runner's turn takes no place from another one", async ([, ms]) => {
    const ledger = await make();
    const [dead, next] = [aTurn(), aTurn({ session: "mx.echo.2", prompt: aPrompt("next") })];
    await queued(ledger, dead, next);
    await startAttempt(ledger, await leaseOf(ledger, SESSION_LANE, "dead", NOW), dead, { ...CAPS, nowMs: NOW });
    const nowMs = NOW + ms + MINUTE_MS;
    const lease = await leaseOf(ledger, "session:mx.echo.2", "living", nowMs);
    expect(await startAttempt(ledger, lease, next, { ...CAPS, all: 1, nowMs })).toBe("started");
  });
}

function pauseContract(make: Make): void {
  test.for(MOVES)("by %i days, a turn and a message that were put off are due within a minute", async ([, ms]) => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    await ledger.postpone(lease, turn.id, NOW + MINUTE_MS, NOW);
    await settled(ledger, { notices: [aRow()] });
    const out = await leaseOf(ledger, OUT_LANE);
    const row = await ledger.nextOut(out);
    if (row) await ledger.retryOut(out, row.seq, NOW + MINUTE_MS, "500 M_UNKNOWN");
    for (const held of [lease, out]) await ledger.release(held);
    expect(await ledger.dueLanes(NOW, 5)).toEqual([]);
    expect([...(await ledger.dueLanes(NOW + ms + MINUTE_MS, 5))].sort()).toEqual([OUT_LANE, SESSION_LANE]);
    expect((await currentTurn(ledger, await leaseOf(ledger, SESSION_LANE)))?.id).toBe(turn.id);
  });

  test.for(MOVES)("by %i days, an event that waits is due at once", async ([, ms]) => {
    const ledger = await make();
    const [lease] = await waiting(ledger);
    await ledger.release(lease);
    expect(await ledger.dueLanes(NOW + ms, 5)).toEqual([`room:${ROOM}`]);
  });
}
