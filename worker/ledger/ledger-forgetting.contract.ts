/** The part of the ledger's contract about codes, counts and threads that expire. */
import { describe, expect, test } from "vitest";
import { EventId, UserId } from "#core/protocol/ids.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aRow, ECHO, leaseOf, NOW, OUT_LANE, ROOM, settled, waiting } from "#testing/ledger-rows.ts";
import { pruned } from "#testing/pruned.ts";

type Make = () => Promise<Ledger>;

const ALICE = UserId.parse("@alice:hs.test");
const ROOT = EventId.parse("$root");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function forgettingContract(make: Make): void {
  describe("an expired row", () => expiryContract(make));
  describe("a notice", () => noticeContract(make));
}

function noticeContract(make: Make): void {
  const keep = { contentsMs: HOUR_MS, eventIdsMs: HOUR_MS, turnsMs: DAY_MS };

  test.for<[when: string, say: (ledger: Ledger, row: OutboxRow) => Promise<unknown>]>([
    ["with its verdict", (ledger, row) => settled(ledger, { notices: [row] })],
    [
      "on the way to it",
      async (ledger, row) => {
        const [lease, event] = await waiting(ledger);
        await ledger.storeProgress(lease, event, "{}", [row]);
        await ledger.ignore(lease, [{ seq: event.seq, reason: "notice" }]);
      },
    ],
  ])("that an event's handling says %s is known as long as a turn's message", async ([, say]) => {
    const ledger = await make();
    const row = aRow();
    await say(ledger, row);
    const lease = await leaseOf(ledger, OUT_LANE);
    const seq = (await ledger.nextOut(lease))?.seq ?? -1;
    await ledger.endOut(lease, seq, { state: "sent", eventId: EventId.parse("$said") }, NOW);
    await pruned(ledger, NOW + DAY_MS, keep);
    expect(await ledger.outboxRow(row.key)).toMatchObject({ eventId: "$said" });
    await pruned(ledger, NOW + DAY_MS + 1, keep);
    expect(await ledger.outboxRow(row.key)).toBeUndefined();
  });
}

function expiryContract(make: Make): void {
  const keep = { contentsMs: 365 * DAY_MS, eventIdsMs: 365 * DAY_MS, turnsMs: 365 * DAY_MS };

  test("is forgotten in its time: codes, pairs, threads", async () => {
    const ledger = await make();
    const pairing = { agent: ECHO, userId: ALICE, code: "ABCD2345", atMs: NOW };
    await settled(ledger, {
      thread: { root: ROOT, hold: { agent: ECHO, holder: ALICE } },
      pairs: [{ agent: ECHO, count: { sinceMs: NOW, count: 1, restUntilMs: 0 } }],
    });
    await ledger.offerPairing(pairing);
    await ledger.addInviteCode(ECHO, "Welcome1", NOW);
    await ledger.addInviteCode(ECHO, "used", NOW);
    await ledger.useInviteCode(ECHO, "used", ALICE, NOW);
    await ledger.offerPairing({ ...pairing, userId: UserId.parse("@bob:hs.test"), code: "EFGH2345" });
    await ledger.approve("EFGH2345", NOW);
    expect(await pruned(ledger, NOW + 59_999, keep)).toBe(0);
    expect(await pruned(ledger, NOW + 60_000, keep)).toBe(2);
    expect(await pruned(ledger, NOW + HOUR_MS - 1, keep)).toBe(0);
    expect(await pruned(ledger, NOW + HOUR_MS + 1, keep)).toBe(2);
    expect((await ledger.sender(ROOM, { sender: ALICE })).pairs).toEqual(new Map());
    expect(await ledger.approve(pairing.code, NOW)).toBeUndefined();
    // The code, and the lane of the room.
    expect(await pruned(ledger, NOW + 7 * DAY_MS + 1, keep)).toBe(2);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", ALICE, NOW)).toBe(false);
    const threadOf = async () => (await ledger.sender(ROOM, { sender: ALICE, threadRoot: ROOT })).thread;
    expect(await threadOf()).toBeDefined();
    expect(await pruned(ledger, NOW + 30 * DAY_MS + 1, keep)).toBe(1);
    expect(await threadOf()).toBeUndefined();
  });
}
