/** The part of the ledger's contract about what operators write, and about who was let in. */
import { describe, expect, test } from "vitest";
import { type Configuration, NO_CONFIGURATION } from "#core/configuration/configuration.ts";
import { resolve } from "#core/configuration/settings.ts";
import { AgentId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Pairing } from "#ports/configuration.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aSpec, ECHO, ghost, NOW, presentIds, ROOM } from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const [ALICE, BOB] = [UserId.parse("@alice:hs.test"), UserId.parse("@bob:hs.test")];
const [GUIDE, OTHER_ROOM] = [AgentId.parse("guide"), RoomId.parse("!other")];
const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];
const WEEK_MS = 7 * 24 * HOUR_MS;

const CONFIGURATION: Configuration = {
  defaults: { users: ["group:staff"], prompt: "default", turns: { queue: 5 } },
  groups: { staff: ["@alice:hs.test", "group:staff"] },
  agents: [aSpec("echo", { prompt: "echo's" }), aSpec("ticket_*")],
  rooms: { [ROOM]: { model: "big", agents: { echo: { context: 7 } } }, "#a:hs.test": { direct: true, context: 3 } },
};

export function policyContract(make: Make): void {
  describe("the configuration", () => configurationContract(make));
  describe("what holds for an agent", () => resolvingContract(make));
  describe("pairing", () => pairingContract(make));
  describe("being let in", () => grantsContract(make));
}

function configurationContract(make: Make): void {
  test("is what was written, as a whole; nothing where nothing was", async () => {
    const ledger = await make();
    expect(await ledger.configuration()).toEqual(NO_CONFIGURATION);
    expect(await ledger.defaults()).toEqual(resolve([], {}).settings);
    await ledger.setConfiguration(CONFIGURATION);
    await ledger.setConfiguration(CONFIGURATION);
    expect(await ledger.configuration()).toEqual(CONFIGURATION);
    expect(await ledger.defaults()).toMatchObject({ users: ["@alice:hs.test"], prompt: "default" });
  });

  test("takes the place of the one before: agents retire, layers go, aliases nobody asks about are forgotten", async () => {
    const ledger = await make();
    const allowed = { allowedRooms: ["#b:hs.test"] };
    await ledger.setConfiguration({ ...CONFIGURATION, defaults: allowed });
    await ledger.setAlias("#a:hs.test", ROOM, NOW);
    await ledger.setAlias("#b:hs.test", undefined, NOW + 1);
    expect(await ledger.aliases()).toEqual([
      { alias: "#a:hs.test", roomId: ROOM, atMs: NOW },
      { alias: "#b:hs.test", atMs: NOW + 1 },
    ]);
    await ledger.setConfiguration({ ...NO_CONFIGURATION, defaults: allowed, agents: [aSpec("ticket_*")] });
    expect(await ledger.configuration()).toEqual({
      ...NO_CONFIGURATION,
      defaults: allowed,
      agents: [aSpec("ticket_*")],
    });
    expect(await ledger.roomLayer(ROOM)).toEqual({});
    expect(await ledger.agent(ECHO)).toBeUndefined();
    expect((await ledger.aliases()).map(({ alias }) => alias)).toEqual(["#b:hs.test"]);
  });

  test("that cannot be stored leaves the one before as it was", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    const agents = [...CONFIGURATION.agents, { ...aSpec("x"), id: null as never }];
    await expect(ledger.setConfiguration({ ...NO_CONFIGURATION, agents })).rejects.toThrow();
    expect(await ledger.configuration()).toEqual(CONFIGURATION);
  });

  test("may have ten thousand agents and a thousand rooms", async () => {
    const ledger = await make();
    const agents = Array.from({ length: 10_000 }, (_, n) => aSpec(`a${String(n).padStart(5, "0")}`));
    const rooms = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`!${n}`, { prompt: "x".repeat(1_000) }]));
    await ledger.setConfiguration({ ...NO_CONFIGURATION, agents, rooms });
    const found = await ledger.configuration();
    expect(found.agents).toEqual(agents);
    expect(Object.keys(found.rooms)).toHaveLength(1_000);
  });

  test("can be changed piece by piece", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    await ledger.putAgent(aSpec("new"));
    await ledger.putAgent(aSpec("echo", { name: "Other" }));
    expect(await ledger.removeAgent(aSpec("ticket_*").id)).toBe(true);
    expect(await ledger.removeAgent(aSpec("ticket_*").id)).toBe(false);
    await ledger.setRoomLayer("!new", { muted: true });
    expect(await ledger.configuration()).toEqual({
      ...CONFIGURATION,
      agents: [aSpec("echo", { name: "Other" }), aSpec("new")],
      rooms: { ...CONFIGURATION.rooms, "!new": { muted: true } },
    });
    await ledger.putAgent(aSpec("ticket_*"));
    expect(await ledger.agent(AgentId.parse("ticket_1"))).toBeDefined();
  });
}

function resolvingContract(make: Make): void {
  const echoIn = async (ledger: Ledger, roomId?: RoomId) => ledger.agent(ECHO, roomId);

  test("is the default, then its own, then the room's, then its own in the room", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    const nowhere = await echoIn(ledger);
    expect(nowhere?.settings).toMatchObject({ users: ["@alice:hs.test"], prompt: "echo's", model: "", context: 0 });
    expect(nowhere?.turns).toMatchObject({ queue: 5, debounce: 0 });
    expect((await echoIn(ledger, ROOM))?.settings).toMatchObject({ prompt: "echo's", model: "big", context: 7 });
    expect(await echoIn(ledger, OTHER_ROOM)).toEqual(nowhere);
    expect(Object.keys(nowhere ?? {}).sort()).toEqual(["backend", "everywhere", "id", "name", "settings", "turns"]);
  });

  test("follows an alias to the room it means, where what is written for the room itself stands above it", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    await ledger.setAlias("#a:hs.test", OTHER_ROOM, NOW);
    expect(await ledger.room(OTHER_ROOM)).toMatchObject({ aliases: ["#a:hs.test"], direct: true });
    expect((await echoIn(ledger, OTHER_ROOM))?.settings.context).toBe(3);
    await ledger.setRoomLayer(OTHER_ROOM, { context: 4, direct: false });
    expect(await ledger.room(OTHER_ROOM)).toMatchObject({ direct: false, muted: false });
    expect((await echoIn(ledger, OTHER_ROOM))?.settings.context).toBe(4);
    await ledger.setAlias("#a:hs.test", ROOM, NOW);
    expect(await ledger.room(OTHER_ROOM)).toMatchObject({ aliases: [] });
    expect((await echoIn(ledger, ROOM))?.settings).toMatchObject({ model: "big", context: 7 });
    await ledger.setAlias("#a:hs.test", undefined, NOW + 7);
    expect(await ledger.room(ROOM)).toMatchObject({ aliases: ["#a:hs.test"], direct: true });
    expect(await ledger.aliases()).toEqual([{ alias: "#a:hs.test", roomId: ROOM, atMs: NOW + 7 }]);
  });

  test("is in force with the next look, for present agents too", async () => {
    const ledger = await make();
    await ledger.setConfiguration(CONFIGURATION);
    await ledger.setMembers(ROOM, [ghost("echo"), ghost("ticket_1")]);
    expect(await presentIds(ledger)).toEqual(["echo", "ticket_1"]);
    const promptsOf = async () => (await ledger.room(ROOM)).present.map(({ agent }) => agent.settings.prompt);
    expect(await promptsOf()).toEqual(["echo's", "default"]);
    await ledger.setRoomLayer(ROOM, { prompt: "room's", muted: true });
    expect(await promptsOf()).toEqual(["room's", "room's"]);
    expect(await ledger.room(ROOM)).toMatchObject({ muted: true });
    await ledger.setConfiguration({ ...CONFIGURATION, defaults: { prompt: "new" }, rooms: {} });
    expect(await promptsOf()).toEqual(["echo's", "new"]);
  });
}

const asking = (userId: UserId, code: string, atMs = NOW, agent = ECHO): Pairing => ({ agent, userId, code, atMs });

function pairingContract(make: Make): void {
  test("gives somebody the same code while it is valid, and then another", async () => {
    const ledger = await make();
    expect(await ledger.offerPairing(asking(ALICE, "AAAAAAAA"))).toBe("AAAAAAAA");
    expect(await ledger.offerPairing(asking(ALICE, "BBBBBBBB", NOW + HOUR_MS - 1))).toBe("AAAAAAAA");
    expect(await ledger.offerPairing(asking(ALICE, "CCCCCCCC", NOW + HOUR_MS))).toBe("CCCCCCCC");
    expect(await ledger.pairings(NOW + HOUR_MS)).toEqual([asking(ALICE, "CCCCCCCC", NOW + HOUR_MS)]);
    expect(await ledger.pairings(NOW + 2 * HOUR_MS)).toEqual([]);
  });

  test("is open to three of an agent at a time", async () => {
    const ledger = await make();
    const people = ["a", "b", "c", "d"].map((name) => UserId.parse(`@${name}:hs.test`));
    const offers: (string | undefined)[] = [];
    for (const [n, userId] of people.entries())
      offers.push(await ledger.offerPairing(asking(userId, `CODE000${n}`, NOW + n)));
    expect(offers).toEqual(["CODE0000", "CODE0001", "CODE0002", undefined]);
    const [, , , last] = people;
    expect(await ledger.offerPairing(asking(last ?? ALICE, "OTHER000", NOW, GUIDE))).toBe("OTHER000");
    expect(await ledger.offerPairing(asking(last ?? ALICE, "CODE0009", NOW + HOUR_MS))).toBe("CODE0009");
    expect(await ledger.offerPairing(asking(BOB, "CODE0010", NOW + HOUR_MS))).toBeUndefined();
  });

  test("gives nobody a code somebody else has", async () => {
    const ledger = await make();
    await ledger.offerPairing(asking(ALICE, "SAMECODE"));
    expect(await ledger.offerPairing(asking(BOB, "samecode", NOW, GUIDE))).toBeUndefined();
    expect(await ledger.approve("SAMECODE", NOW)).toEqual(asking(ALICE, "SAMECODE"));
    expect(await ledger.grants()).toEqual([{ agent: ECHO, userId: ALICE, atMs: NOW }]);
  });

  test("lets in by the code, in upper or lower case, once, and in time", async () => {
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

  test("once approved does not count, and is asked for anew under another code", async () => {
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

  test("is refused by voiding the code, or whoever has it", async () => {
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

  test("comes of an invite code to the first who says it, within a week, for its agent", async () => {
    const ledger = await make();
    await ledger.addInviteCode(ECHO, "Welcome1", NOW);
    expect(await ledger.useInviteCode(GUIDE, "Welcome1", ALICE, NOW)).toBe(false);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", ALICE, NOW + WEEK_MS)).toBe(false);
    expect(await ledger.grants()).toEqual([]);
    expect(await ledger.useInviteCode(ECHO, "welcome1", ALICE, NOW + 5)).toBe(true);
    expect(await ledger.useInviteCode(ECHO, "Welcome1", BOB, NOW + 5)).toBe(false);
    expect(await ledger.grants()).toEqual([{ agent: ECHO, userId: ALICE, atMs: NOW + 5 }]);
  });

  test("by an invite code is said again to whoever used it, for a minute, unless it was taken back", async () => {
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

  test("an invite code can be voided, and given out again", async () => {
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
