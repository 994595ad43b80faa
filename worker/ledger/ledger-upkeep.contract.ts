/** The part of the ledger's contract about upkeep: forgetting, marks, and the figures of an operator. */
import { describe, expect, test } from "vitest";
import { UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Forgotten } from "#ports/operator.ts";
import { anEvent } from "#testing/events.ts";
import {
  anAnswer,
  aRow,
  aTurn,
  aTurnId,
  currentTurn,
  leaseOf,
  NOW,
  queued,
  ROOM,
  settled,
} from "#testing/ledger-rows.ts";
import { pruned } from "#testing/pruned.ts";

type Make = () => Promise<Ledger>;

const BOB = UserId.parse("@bob:hs.test");
const HOUR_MS = 3_600_000;

export function upkeepContract(make: Make): void {
  describe("upkeep", () => pruneContract(make));
}

function pruneContract(make: Make): void {
  const keep = { contentsMs: HOUR_MS, eventIdsMs: 2 * HOUR_MS, turnsMs: 3 * HOUR_MS };
  const at = (hours: number) => NOW + hours * HOUR_MS + 1;

  test("forgets contents first, then event ids, then turns; never open rows", async () => {
    const ledger = await make();
    const [done, open] = [aTurn(), aTurn()];
    const lease = await queued(ledger, done, open);
    await ledger.endTurn(lease, done.id, { ending: "late" }, NOW);
    const event = anEvent();
    await ledger.accept({ events: [event], deadLetters: [], nowMs: NOW });
    expect(await pruned(ledger, NOW, keep)).toBe(0);
    expect(await pruned(ledger, at(1), keep)).toBeGreaterThan(0);
    expect((await ledger.known([event.event_id])).size).toBe(1);
    const room = await leaseOf(ledger, `room:${ROOM}`);
    expect(await ledger.nextEvents(room, 10)).toMatchObject([{ event: { event_id: event.event_id } }]);
    await pruned(ledger, at(2), keep);
    expect((await ledger.known([event.event_id])).size).toBe(1);
    await pruned(ledger, at(3), keep);
    expect(await currentTurn(ledger, lease)).toMatchObject({ id: open.id });
    expect(await ledger.replay(done.id, aTurnId("again"), NOW)).toBeUndefined();
  });

  test("forgets a bounded number of rows at a time, and gets to the end", async () => {
    const ledger = await make();
    const events = Array.from({ length: 1_200 }, () => anEvent());
    await ledger.accept({ events, deadLetters: [], nowMs: NOW });
    const lease = await leaseOf(ledger, `room:${ROOM}`);
    const found = await ledger.nextEvents(lease, 2_000);
    await ledger.ignore(
      lease,
      found.map(({ seq }) => ({ seq, reason: "notice" })),
    );
    for (let step: number | undefined = 0; step !== undefined; ) {
      const done: Forgotten = await ledger.prune(at(3), keep, step);
      expect(done.touched).toBeLessThanOrEqual(500);
      step = done.next;
    }
    expect((await ledger.known(events.map((event) => event.event_id))).size).toBe(0);
  });

  test("lists the rooms with the latest events, and the rooms with members", async () => {
    const ledger = await make();
    await settled(ledger, { members: [{ userId: BOB, membership: "join" }] }, { room_id: "!a" });
    await settled(ledger, { members: [{ userId: BOB, membership: "join" }] }, { room_id: "!b" });
    await settled(ledger, {}, { room_id: "!a" });
    expect(await ledger.activeRooms(5)).toEqual(["!a", "!b"]);
    expect(await ledger.activeRooms(5, NOW)).toEqual(["!a", "!b"]);
    expect(await ledger.activeRooms(5, NOW + 1)).toEqual([]);
    expect(await ledger.roomsAfter("", 5)).toEqual(["!a", "!b"]);
    expect(await ledger.roomsAfter("!a", 5)).toEqual(["!b"]);
  });

  test("keeps marks, and counts open rows", async () => {
    const ledger = await make();
    expect(await ledger.mark("here")).toBeUndefined();
    await ledger.setMark("here", "1");
    await ledger.setMark("here", "2");
    await ledger.swapMark("here", "1", "3");
    expect(await ledger.mark("here")).toBe("2");
    await ledger.swapMark("here", "2", "3");
    expect(await ledger.mark("here")).toBe("3");
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    await ledger.storeAnswer(lease, turn.id, anAnswer("x", { rows: [aRow({ turnId: turn.id })] }));
    expect(await ledger.figures(NOW + 500)).toEqual({
      lastTransactionAtMs: NOW,
      undecidedEvents: 0,
      openTurns: 1,
      runningTurns: 0,
      outboxRows: 1,
      outboxDepth: 1,
      outboxAgeMs: 500,
      deadLetters: 0,
      unreadableRows: 0,
    });
  });
}
