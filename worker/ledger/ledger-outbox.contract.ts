/** The part of the ledger's contract about the outbox: plain rows, frozen rows, and how they end. */
import { describe, expect, test } from "vitest";
import { storedUtterance } from "#core/message/utterance.ts";
import { BOT, EventId, UserId } from "#core/protocol/ids.ts";
import type { Lease } from "#core/turn/lane.ts";
import type { OpenOutboxRow } from "#ports/delivery.ts";
import type { Ledger } from "#ports/ledger.ts";
import {
  anAnswer,
  anUtterance,
  aRequest,
  aRow,
  aTurn,
  aTurnId,
  dueAt,
  keyOf,
  leaseOf,
  NOW,
  OUT_LANE,
  queued,
  SESSION_LANE,
  settled,
} from "#testing/ledger-rows.ts";
import { pruned } from "#testing/pruned.ts";

type Make = () => Promise<Ledger>;

const SENT = EventId.parse("$sent");
const [ALICE, GHOST] = [UserId.parse("@alice:hs.test"), UserId.parse("@agent_echo:hs.test")];

const nextSeq = async (ledger: Ledger, lease: Lease): Promise<number> => (await ledger.nextOut(lease))?.seq ?? -1;

export function outboxContract(make: Make): void {
  describe("a plain row", () => plainContract(make));
  describe("a frozen row", () => frozenContract(make));
  describe("an outbox row", () => endContract(make));
}

function plainContract(make: Make): void {
  test("comes out as it was stored, in order, and is open", async () => {
    const ledger = await make();
    const long = aRow({ turnId: aTurnId("turn"), utterance: anUtterance("€😀".repeat(8_000)) });
    const bot = aRow({ agent: BOT });
    const rows = [long, bot, ...Array.from({ length: 120 }, () => aRow())];
    const lease = await leaseOf(ledger, OUT_LANE);
    expect(await ledger.queueOut(lease, rows)).toBe(true);
    const found: OpenOutboxRow[] = [];
    for (let row = await ledger.nextOut(lease); row; row = await ledger.nextOut(lease)) {
      expect(await ledger.outboxRow(row.key)).toEqual({ state: "open" });
      found.push(row);
      await ledger.endOut(lease, row.seq, { state: "sent", eventId: EventId.parse(`$${row.key}`) }, NOW);
    }
    const stored = rows.map(({ utterance, ...row }) => ({ ...row, plain: storedUtterance(utterance) }));
    expect(found).toEqual(
      stored.map((row, at) => ({ ...row, seq: found[at]?.seq, attempt: 0, notBeforeMs: 0, refusals: 0 })),
    );
  });

  test("names the device of its user as soon as there is one", async () => {
    const ledger = await make();
    const lease = await leaseOf(ledger, OUT_LANE);
    await ledger.queueOut(lease, [aRow()]);
    expect(await ledger.nextOut(lease)).not.toHaveProperty("deviceId");
    await ledger.setGhost({ userId: GHOST, deviceId: "PHONE" });
    expect(await ledger.nextOut(lease)).toMatchObject({ deviceId: "PHONE" });
  });

  test("is stored once for a key", async () => {
    const ledger = await make();
    const session = await leaseOf(ledger, SESSION_LANE);
    const row = aRow();
    await ledger.queueOut(session, [row]);
    expect(await ledger.queueOut(session, [{ ...row, utterance: anUtterance("other") }])).toBe(true);
    const plain = storedUtterance(row.utterance);
    expect(await ledger.nextOut(await leaseOf(ledger, OUT_LANE))).toMatchObject({ plain });
  });

  test("makes its lane due, and counts among the figures with the age of its question", async () => {
    const ledger = await make();
    const turn = aTurn();
    const lease = await queued(ledger, turn);
    await ledger.storeAnswer(lease, turn.id, anAnswer("hi", { rows: [aRow({ turnId: turn.id })] }));
    expect(await ledger.dueLanes(NOW, 10)).toContain(OUT_LANE);
    expect(await dueAt(ledger, OUT_LANE)).toBe(0);
    expect(await ledger.figures(NOW + 500)).toMatchObject({ outboxRows: 1, outboxDepth: 1, outboxAgeMs: 500 });
    expect(await ledger.nextOut(await leaseOf(ledger, OUT_LANE))).toMatchObject({ askedAtMs: NOW });
  });

  test("is not stored by a runner whose lease ran out, which an empty list also tells", async () => {
    const ledger = await make();
    const stale = await leaseOf(ledger, OUT_LANE);
    expect(await ledger.queueOut(await leaseOf(ledger, OUT_LANE), [])).toBe(true);
    expect(await ledger.queueOut(stale, [])).toBe(false);
  });
}

function frozenContract(make: Make): void {
  test("comes out byte for byte, and is never frozen again", async () => {
    const ledger = await make();
    const lease = await leaseOf(ledger, OUT_LANE);
    await ledger.queueOut(lease, [aRow()]);
    const seq = await nextSeq(ledger, lease);
    const request = aRequest({ body: `{"body":"${"€😀".repeat(8_000)}\\ud83d"}` });
    expect(await ledger.freezeOut(lease, seq, request)).toBe(true);
    expect(await ledger.freezeOut(lease, seq, aRequest({ deviceId: "OTHER" }))).toBe(false);
    const row = await ledger.nextOut(lease);
    expect(row?.frozen).toEqual(request);
    expect(row).not.toHaveProperty("plain");
  });

  test("is open: it makes its lane due and is counted", async () => {
    const ledger = await make();
    const lease = await leaseOf(ledger, OUT_LANE);
    await ledger.queueOut(lease, [aRow({ key: "row" })]);
    await ledger.freezeOut(lease, await nextSeq(ledger, lease), aRequest());
    expect(await ledger.outboxRow(keyOf("row"))).toEqual({ state: "open" });
    expect(await dueAt(ledger, OUT_LANE)).toBe(0);
    expect(await ledger.figures(NOW)).toMatchObject({ outboxRows: 1 });
    await pruned(ledger, NOW * 2, { contentsMs: 0, eventIdsMs: 0, turnsMs: 0 });
    expect(await nextSeq(ledger, lease)).toBeGreaterThan(0);
  });
}

/** A row is open while it is plain and while it is frozen, and both end alike. */
const STATES: [state: string, isFrozen: boolean][] = [
  ["plain", false],
  ["frozen", true],
];

function endContract(make: Make): void {
  test("that cannot be read is a dead letter, and the lane goes on with the next one", async () => {
    const ledger = await make();
    const lease = await leaseOf(ledger, OUT_LANE, "another");
    const rows = [aRow({ userId: "unreadable" as UserId }), aRow({ key: "next" })];
    await ledger.queueOut(lease, rows);
    await ledger.voidLeases();
    const claimed = await ledger.claim(OUT_LANE, "one", NOW, 1_000);
    expect(claimed?.first).toMatchObject({ kind: "out", row: { key: "next" } });
    expect(await ledger.deadLetters(10)).toMatchObject([
      { kind: "outbox", reason: expect.stringContaining("cannot be read") },
    ]);
  });

  async function oneRow(isFrozen: boolean) {
    const ledger = await make();
    const lease = await leaseOf(ledger, OUT_LANE);
    const row = aRow();
    await ledger.queueOut(lease, [row]);
    const seq = await nextSeq(ledger, lease);
    if (isFrozen) await ledger.freezeOut(lease, seq, aRequest());
    return { ledger, lease, row, seq };
  }

  test.for(STATES)("that is %s and put off is counted and stays the next one", async ([, isFrozen]) => {
    const { ledger, lease, row, seq } = await oneRow(isFrozen);
    await ledger.queueOut(lease, [aRow()]);
    expect(await ledger.retryOut(lease, seq, NOW + 5, "500 M_UNKNOWN")).toBe(true);
    expect(await ledger.nextOut(lease)).toMatchObject({ key: row.key, attempt: 1, notBeforeMs: NOW + 5 });
  });

  test.for(STATES)("that is %s and sent stays sent", async ([, isFrozen]) => {
    const { ledger, lease, row, seq } = await oneRow(isFrozen);
    expect(await ledger.endOut(lease, seq, { state: "sent", eventId: SENT }, NOW)).toBe(true);
    expect(await ledger.retryOut(lease, seq, NOW, "500 M_UNKNOWN")).toBe(false);
    expect(await ledger.freezeOut(lease, seq, aRequest())).toBe(false);
    expect(await ledger.nextOut(lease)).toBeUndefined();
    expect(await ledger.outboxRow(row.key)).toEqual({ state: "sent", eventId: SENT });
  });

  test.for(STATES)("that is %s and refused leaves one letter, cut to 64 KiB", async ([, isFrozen]) => {
    const { ledger, lease, row, seq } = await oneRow(isFrozen);
    const deadLetter = { kind: "outbox" as const, reason: "refused", raw: "€".repeat(40_000) };
    expect(await ledger.endOut(lease, seq, { state: "dead", deadLetter }, NOW + 3)).toBe(true);
    expect(await ledger.endOut(lease, seq, { state: "dead", deadLetter }, NOW)).toBe(false);
    expect(await ledger.outboxRow(row.key)).toEqual({ state: "dead" });
    const raw = "€".repeat(Math.floor((64 * 1024) / 3));
    expect(await ledger.deadLetters(10)).toMatchObject([{ ...deadLetter, raw, createdAtMs: NOW + 3 }]);
  });

  test.for(STATES)(
    "that is %s is confirmed as sent by our own event, of the same sender only",
    async ([, isFrozen]) => {
      const { ledger, lease, row } = await oneRow(isFrozen);
      await settled(ledger, { confirmed: { key: row.key, userId: ALICE, eventId: SENT } });
      expect(await ledger.outboxRow(row.key)).toEqual({ state: "open" });
      await settled(ledger, { confirmed: { key: row.key, userId: row.userId, eventId: SENT } });
      expect(await ledger.outboxRow(row.key)).toEqual({ state: "sent", eventId: SENT });
      expect(await ledger.nextOut(lease)).toBeUndefined();
    },
  );

  test.for(STATES)("that is %s and the last of its lane releases the lease as it ends", async ([, isFrozen]) => {
    const { ledger, lease, seq } = await oneRow(isFrozen);
    const end = { state: "sent" as const, eventId: SENT };
    expect(await ledger.endOutAndNext(lease, seq, end, NOW)).toEqual({
      next: undefined,
      isReleased: true,
      isFreed: false,
    });
    expect(await ledger.renew(lease, NOW + 1_000)).toBe("lost");
    expect(await ledger.claim(lease.lane, "another", NOW, 1_000)).toBeDefined();
  });

  test.for(STATES)("that is %s and not the last gives the next one and keeps the lease", async ([, isFrozen]) => {
    const { ledger, lease, seq } = await oneRow(isFrozen);
    const next = aRow();
    await ledger.queueOut(lease, [next]);
    const ended = await ledger.endOutAndNext(lease, seq, { state: "sent", eventId: SENT }, NOW);
    expect(ended).toMatchObject({ next: { key: next.key }, isReleased: false, isFreed: false });
    expect(await ledger.renew(lease, NOW + 1_000)).toBe("held");
  });

  test("that does not exist has no state", async () => {
    expect(await (await make()).outboxRow(keyOf("none"))).toBeUndefined();
  });
}
