/** The part of the ledger's contract about pairing codes, invite codes and grants. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { AgentId, UserId } from "#core/protocol/ids.ts";
import type { Pairing } from "#ports/configuration.ts";
import type { Ledger } from "#ports/ledger.ts";
import { ECHO, NOW, ROOM } from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const [ALICE, BOB] = [UserId.parse("@alice:hs.test"), UserId.parse("@bob:hs.test")];
const GUIDE = AgentId.parse("guide");
const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];
const WEEK_MS = 7 * 24 * HOUR_MS;

export function accessContract(make: Make): void {
  describe("a pairing code", () => pairingContract(make));
  describe("a grant", () => grantsContract(make));
}

const asking = (userId: UserId, code: string, atMs = NOW, agent = ECHO): Pairing => ({ agent, userId, code, atMs });

function pairingContract(make: Make): void {
  test("stays the same for a user while it is valid; then there is another", async () => {
    const ledger = await make();
    expect(await ledger.offerPairing(asking(ALICE, "AAAAAAAA"))).toBe("AAAAAAAA");
    expect(await ledger.offerPairing(asking(ALICE, "BBBBBBBB", NOW + HOUR_MS - 1))).toBe("AAAAAAAA");
    expect(await ledger.offerPairing(asking(ALICE, "CCCCCCCC", NOW + HOUR_MS))).toBe("CCCCCCCC");
    expect(await ledger.pairings(NOW + HOUR_MS)).toEqual([asking(ALICE, "CCCCCCCC", NOW + HOUR_MS)]);
    expect(await ledger.pairings(NOW + 2 * HOUR_MS)).toEqual([]);
  });

  test("is given to three users of another server at a time", async () => {
    const ledger = await make();
    const people = ["a", "b", "c", "d"].map((name) => UserId.parse(`@${name}:evil.test`));
    const offers: (string | undefined)[] = [];
    for (const [n, userId] of people.entries())
      offers.push(await ledger.offerPairing(asking(userId, `CODE000${n}`, NOW + n)));
    expect(offers).toEqual(["CODE0000", "CODE0001", "CODE0002", undefined]);
    const [, , , last] = people;
    expect(await ledger.offerPairing(asking(last ?? ALICE, "OTHER000", NOW, GUIDE))).toBe("OTHER000");
    expect(await ledger.offerPairing(asking(last ?? ALICE, "CODE0009", NOW + HOUR_MS))).toBe("CODE0009");
    const another = UserId.parse("@e:evil.test");
    expect(await ledger.offerPairing(asking(another, "CODE0010", NOW + HOUR_MS))).toBeUndefined();
    // Neither the users of our own server nor those of a third one have to wait for them.
    expect(await ledger.offerPairing(asking(BOB, "CODE0011", NOW + HOUR_MS))).toBe("CODE0011");
    expect(await ledger.offerPairing(asking(UserId.parse("@a:else.test"), "CODE0012", NOW))).toBe("CODE0012");
  });

  test.for<[name: string, userAt: (n: number) => string, limit: number, another: string]>([
    [
      "to a limited number of local users, apart from others",
      (n) => `@u${n}:hs.test`,
      BOUNDS.pendingLocalPairings.max,
      "@x:else.test",
    ],
    [
      "to a limited number of users of all other servers, apart from local ones",
      (n) => `@u:s${n}.test`,
      BOUNDS.pendingRemotePairings.max,
      "@x:hs.test",
    ],
  ])("is given %s", async ([, userAt, limit, another]) => {
    const ledger = await make();
    for (let n = 0; n < limit; n++) {
      expect(await ledger.offerPairing(asking(UserId.parse(userAt(n)), `CODE${n}`))).toBe(`CODE${n}`);
    }
    expect(await ledger.offerPairing(asking(UserId.parse(userAt(limit)), "ONEMORE"))).toBeUndefined();
    expect(await ledger.offerPairing(asking(UserId.parse(another), "OTHER"))).toBe("OTHER");
  });

  test("is not given to a second user", async () => {
    const ledger = await make();
    await ledger.offerPairing(asking(ALICE, "SAMECODE"));
    expect(await ledger.offerPairing(asking(BOB, "samecode", NOW, GUIDE))).toBeUndefined();
    expect(await ledger.approve("SAMECODE", NOW)).toEqual(asking(ALICE, "SAMECODE"));
    expect(await ledger.grants()).toEqual([{ agent: ECHO, userId: ALICE, atMs: NOW }]);
  });

  test("lets its user in, in upper or lower case, once, while it is valid", async () => {
    const ledger = await make();
    await ledger.offerPairing(asking(ALICE, "ABCD2345"));
    expect(await ledger.approve("abcd2345", NOW + HOUR_MS)).toBeUndefined();
    expect(await ledger.approve("abcd2345", NOW + 1, GUIDE)).toBeUndefined();
    expect(await ledger.grants()).toEqual([]);
    expect(await ledger.approve("abcd2345", NOW + 1, ECHO)).toEqual(asking(ALICE, "ABCD2345"));
    expect(await ledger.pairings(NOW + 1)).toEqual([]);
    expect(await ledger.deny(ECHO, "ABCD2345")).toBe(false);
    // Its answer may have been lost.
    expect(await ledger.approve("abcd2345", NOW + MINUTE_MS)).toEqual(asking(ALICE, "ABCD2345"));
    expect(await ledger.approve("abcd2345", NOW + 1 + MINUTE_MS)).toBeUndefined();
    expect(await ledger.grants()).toEqual([{ agent: ECHO, userId: ALICE, atMs: NOW + 1 }]);
    expect((await ledger.sender(ROOM, { sender: ALICE })).paired).toEqual([ECHO]);
  });

  test("that was approved does not count among the three, and is not given again", async () => {
    const ledger = await make();
    for (const n of [1, 2, 3]) {
      await ledger.offerPairing(asking(UserId.parse(`@user${n}:hs.test`), `CODE000${n}`));
      await ledger.approve(`CODE000${n}`, NOW);
    }
    expect(await ledger.offerPairing(asking(ALICE, "ABCD2345"))).toBe("ABCD2345");
    await ledger.approve("ABCD2345", NOW);
    expect(await ledger.deny(ECHO, ALICE)).toBe(true);
    expect(await ledger.approve("ABCD2345", NOW)).toBeUndefined();
    expect(await ledger.offerPairing(asking(ALICE, "EFGH2345"))).toBe("EFGH2345");
    expect(await ledger.pairings(NOW)).toEqual([asking(ALICE, "EFGH2345")]);
  });

  test("is voided by the code or by its user", async () => {
    const ledger = await make();
    await ledger.offerPairing(asking(ALICE, "ABCD2345"));
    await ledger.offerPairing(asking(BOB, "EFGH2345"));
    expect(await ledger.deny(GUIDE, "ABCD2345")).toBe(false);
    expect(await ledger.deny(ECHO, "abcd2345")).toBe(true);
    expect(await ledger.deny(ECHO, BOB)).toBe(true);
    expect(await ledger.pairings(NOW)).toEqual([]);
    expect(await ledger.approve("EFGH2345", NOW)).toBeUndefined();
  });
}

function grantsContract(make: Make): void {
  test("lasts until it is taken back, and is dated from the first time", async () => {
    const ledger = await make();
    await ledger.allow(ECHO, ALICE, NOW);
    await ledger.allow(ECHO, ALICE, NOW + 1);
    await ledger.allow(GUIDE, ALICE, NOW + 2);
    await ledger.allow(ECHO, BOB, NOW + 3);
    expect(await ledger.grants()).toEqual([
      { agent: ECHO, userId: ALICE, atMs: NOW },
      { agent: ECHO, userId: BOB, atMs: NOW + 3 },
      { agent: GUIDE, userId: ALICE, atMs: NOW + 2 },
    ]);
    expect(await ledger.deny(ECHO, ALICE)).toBe(true);
    expect(await ledger.deny(ECHO, ALICE)).toBe(false);
    expect((await ledger.sender(ROOM, { sender: ALICE })).paired).toEqual([GUIDE]);
    expect((await ledger.sender(ROOM, { sender: BOB })).paired).toEqual([ECHO]);
  });

  test("is given by an invite code to the first user who says it, within a week, for its agent", async () => {
    const ledger = await make();
    await ledger.addInviteCode(ECHO, "Welcome1", NOW);
    expect(await ledger.useInviteCode(GUIDE, "Welcome1", ALICE, NOW)).toBe(false);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", ALICE, NOW + WEEK_MS)).toBe(false);
    expect(await ledger.grants()).toEqual([]);
    expect(await ledger.useInviteCode(ECHO, "welcome1", ALICE, NOW + 5)).toBe(true);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", BOB, NOW + 5)).toBe(false);
    expect(await ledger.grants()).toEqual([{ agent: ECHO, userId: ALICE, atMs: NOW + 5 }]);
  });

  test("by an invite code is confirmed again to the user who used it, for a minute, unless it was taken back", async () => {
    const ledger = await make();
    await ledger.addInviteCode(ECHO, "Welcome1", NOW + MINUTE_MS - WEEK_MS);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", ALICE, NOW)).toBe(true);
    expect(await ledger.deny(ECHO, "Welcome1")).toBe(false);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", ALICE, NOW + MINUTE_MS - 1)).toBe(true);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", BOB, NOW + MINUTE_MS - 1)).toBe(false);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", ALICE, NOW + MINUTE_MS)).toBe(false);
    expect(await ledger.grants()).toEqual([{ agent: ECHO, userId: ALICE, atMs: NOW }]);
    await ledger.addInviteCode(ECHO, "Welcome2", NOW);
    expect(await ledger.useInviteCode(ECHO, "Welcome2", BOB, NOW)).toBe(true);
    expect(await ledger.deny(ECHO, BOB)).toBe(true);
    expect(await ledger.useInviteCode(ECHO, "Welcome2", BOB, NOW)).toBe(false);
    expect(await ledger.sender(ROOM, { sender: BOB })).toMatchObject({ paired: [] });
  });

  test("is not given by an invite code that was voided, until that is added again", async () => {
    const ledger = await make();
    await ledger.addInviteCode(ECHO, "Welcome1", NOW - WEEK_MS);
    await ledger.addInviteCode(ECHO, "Welcome1", NOW);
    expect(await ledger.deny(ECHO, "welcome1")).toBe(true);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", ALICE, NOW)).toBe(false);
    await ledger.addInviteCode(ECHO, "Welcome1", NOW);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", ALICE, NOW)).toBe(true);
    await ledger.addInviteCode(ECHO, "Welcome2", NOW);
    expect(await ledger.useInviteCode(ECHO, "Welcome2", ALICE, NOW)).toBe(true);
  });
}
