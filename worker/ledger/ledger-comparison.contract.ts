/** The part of the ledger's contract about what is compared with the homeserver. */
import { describe, expect, test } from "vitest";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aMembership } from "#testing/events.ts";
import { aSpec, ghost, leaseOf, member, NOW, ROOM, ROOM_LANE } from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const HOUR_MS = 3_600_000;
const user = (id: string) => UserId.parse(`@agent_${id}:hs.test`);
const room = (id: string) => RoomId.parse(id);

export function comparisonContract(make: Make): void {
  describe("what is compared with the homeserver", () => {
    describe("our users", () => ourUsers(make));
    describe("rooms", () => rooms(make));
    describe("open invitations", () => invitations(make));
  });
}

function ourUsers(make: Make): void {
  test("come in pages: the bot, the agents, then members of families and users of removed agents", async () => {
    const ledger = await make();
    await ledger.setAgents(["b", "a", "c.d"].map((id) => aSpec(id)).concat(aSpec("ticket_*"), aSpec("old")));
    await ledger.setAgents(["b", "a", "c.d"].map((id) => aSpec(id)).concat(aSpec("ticket_*")));
    for (const id of ["ticket_2", "ticket_1", "old", "a"]) await ledger.setGhost({ userId: user(id), deviceId: "D" });
    const pages: string[][] = [];
    for (let from: string | undefined = ""; from !== undefined; ) {
      const { users, next } = await ledger.ourUsers(from, 2);
      pages.push(users);
      from = next;
    }
    const found = pages.flat();
    expect(found).toEqual([
      "@troupe:hs.test",
      ...["a", "b", "c.d", "old", "ticket_1", "ticket_2"].map((id) => `@agent_${id}:hs.test`),
    ]);
    expect(Math.max(...pages.map(({ length }) => length))).toBeLessThanOrEqual(3);
  });

  test("are forgotten one at a time", async () => {
    const ledger = await make();
    for (const id of ["a", "b"]) await ledger.setGhost({ userId: user(id), deviceId: "D" });
    await ledger.forgetGhost(user("a"));
    expect([await ledger.ghost(user("a")), await ledger.ghost(user("b"))]).toMatchObject([
      undefined,
      { deviceId: "D" },
    ]);
  });
}

function rooms(make: Make): void {
  test("that the user is not known to have joined, among those that are asked about", async () => {
    const ledger = await make();
    await ledger.setMembers(room("!in"), [ghost("a")]);
    await ledger.setMembers(room("!invited"), [{ ...ghost("a"), membership: "invite" }]);
    await ledger.setMembers(room("!other"), [ghost("b")]);
    const asked = ["!in", "!invited", "!other", "!unknown"].map(room);
    expect(await ledger.roomsWithout(user("a"), asked)).toEqual(["!invited", "!other", "!unknown"]);
    expect(await ledger.roomsWithout(user("a"), [])).toEqual([]);
  });

  test("with the users that are known to have joined, no more than are asked for", async () => {
    const ledger = await make();
    await ledger.setMembers(ROOM, [ghost("a"), member("@z:hs.test"), { ...member("@y:hs.test"), membership: "leave" }]);
    expect(await ledger.joinedIn(ROOM, 5)).toEqual(["@agent_a:hs.test", "@z:hs.test"]);
    expect(await ledger.joinedIn(ROOM, 1)).toEqual(["@agent_a:hs.test"]);
  });

  test("without any of ours are told from those with the bot, an agent or a removed one", async () => {
    const ledger = await make();
    const isWithout = async (...users: string[]) => {
      await ledger.setMembers(
        ROOM,
        users.map((userId) => member(userId)),
      );
      return (await ledger.room(ROOM)).withoutOurs === true;
    };
    expect(await isWithout("@alice:hs.test", "@agent_a:evil.test")).toBe(true);
    expect(await isWithout("@alice:hs.test", "@troupe:hs.test")).toBe(false);
    expect(await isWithout("@alice:hs.test", "@agent_removed:hs.test")).toBe(false);
  });
}

function invitations(make: Make): void {
  const invitation = aMembership("@agent_a:hs.test", "invite", { event_id: "$invitation" });
  async function decided(ledger: Ledger, reason: "join" | "join_failed" | "invites_off"): Promise<void> {
    const lease = await leaseOf(ledger, ROOM_LANE, "me", NOW);
    const [event] = await ledger.nextEvents(lease, 1);
    if (!event) throw new Error("there is no event");
    await ledger.settle(lease, event, { reason, turns: [], members: [], controls: [], notices: [] });
    await ledger.release(lease);
  }

  test("that are unknown are stored, once", async () => {
    const ledger = await make();
    expect(await ledger.reopenInvitations([], NOW)).toEqual([]);
    for (let n = 0; n < 2; n++) expect(await ledger.reopenInvitations([invitation], NOW)).toEqual([ROOM]);
    const lease = await leaseOf(ledger, ROOM_LANE, "me", NOW);
    expect(await ledger.nextEvents(lease, 5)).toMatchObject([{ event: { event_id: "$invitation" } }]);
  });

  test("that were accepted are to be decided again; refused ones are not", async () => {
    const ledger = await make();
    await ledger.reopenInvitations([invitation], NOW);
    await decided(ledger, "join");
    expect(await ledger.reopenInvitations([invitation], NOW)).toEqual([ROOM]);
    await decided(ledger, "invites_off");
    expect(await ledger.reopenInvitations([invitation], NOW)).toEqual([]);
  });

  test("for which the joining failed are tried again once an hour, for a day", async () => {
    const ledger = await make();
    await ledger.reopenInvitations([invitation], NOW);
    for (const [afterHours, isTried] of [
      [1.1, true],
      [1.5, false],
      [2.2, true],
      [25, false],
    ] as const) {
      await decided(ledger, "join_failed").catch(() => undefined);
      const rooms = await ledger.reopenInvitations([invitation], NOW + afterHours * HOUR_MS);
      expect([afterHours, rooms.length > 0]).toEqual([afterHours, isTried]);
    }
  });
}
