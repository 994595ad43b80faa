/** The part of the ledger's contract about what is earlier and what is later in a room, however late it is written. */
import { describe, expect, test } from "vitest";
import type { RoomEvent } from "#core/protocol/event.ts";
import { RoomState } from "#core/protocol/room-state.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Settled } from "#ports/rooms.ts";
import { aMembership, anEvent } from "#testing/events.ts";
import { aSettled, aSpec, ghost, leaseOf, member, NOW, ROOM, ROOM_LANE } from "#testing/ledger-rows.ts";
import { pruned } from "#testing/pruned.ts";

type Make = () => Promise<Ledger>;

const [ALICE, BOB] = ["@alice:hs.test", "@bob:hs.test"];
const LEVELS = { users: {}, users_default: 0, state_default: 50, events: {} };

export function orderContract(make: Make): void {
  describe("what is earlier in a room never replaces what is later", () => laterContract(make));
}

async function decide(ledger: Ledger, settled: Partial<Settled>): Promise<void> {
  const lease = await leaseOf(ledger, ROOM_LANE);
  const [waiting] = await ledger.nextEvents(lease, 1);
  if (!waiting) throw new Error("no event waits");
  expect(await ledger.settle(lease, waiting, aSettled(settled))).toBe(true);
}

const push = (ledger: Ledger, ...events: RoomEvent[]) => ledger.accept({ events, deadLetters: [], nowMs: NOW });

async function happen(ledger: Ledger, event: RoomEvent, settled: Partial<Settled>): Promise<void> {
  await push(ledger, event);
  await decide(ledger, settled);
}

const joins = (ledger: Ledger, userId: string, membership: "join" | "leave" = "join") =>
  happen(ledger, aMembership(userId, membership), { members: [member(userId, membership)] });

function laterContract(make: Make): void {
  const joined = async (ledger: Ledger) => (await ledger.room(ROOM)).joinedCount;

  test("who joins or leaves while the members are read has joined or left", async () => {
    const ledger = await make();
    const all = [ghost("echo"), member(ALICE), member("@carol:hs.test")];
    await ledger.setMembers(ROOM, all);
    const readAt = await ledger.latestPlace();
    await joins(ledger, BOB);
    await joins(ledger, "@carol:hs.test", "leave");
    await ledger.setState(ROOM, RoomState.parse({}), readAt);
    await ledger.setMembers(ROOM, all, readAt);
    expect(await joined(ledger)).toBe(3);
    await joins(ledger, BOB, "leave");
    expect(await joined(ledger)).toBe(2);
    await ledger.setMembers(ROOM, [ghost("echo")], await ledger.latestPlace());
    expect(await joined(ledger)).toBe(1);
  });

  test("a reading that began earlier brings back nobody whom a later one has not found", async () => {
    const ledger = await make();
    const first = await ledger.latestPlace();
    await joins(ledger, BOB, "leave");
    const second = await ledger.latestPlace();
    await ledger.setState(ROOM, RoomState.parse({ name: "second" }), second);
    await ledger.setMembers(ROOM, [ghost("echo"), member(ALICE)], second);
    await ledger.setState(ROOM, RoomState.parse({ name: "first" }), first);
    await ledger.setMembers(ROOM, [ghost("echo"), member(ALICE), member(BOB)], first);
    expect(await ledger.room(ROOM)).toMatchObject({ joinedCount: 2, state: { name: "second" } });
  });

  test("a mark of a direct chat goes with the membership that holds", async () => {
    const ledger = await make();
    await ledger.setMembers(ROOM, [{ ...ghost("echo"), direct: true }]);
    await ledger.setAgents([aSpec("echo")]);
    const invited = async () => (await ledger.room(ROOM)).present.map(({ invitedDirectly }) => invitedDirectly);
    expect(await invited()).toEqual([true]);
    const readAt = await ledger.latestPlace();
    await happen(ledger, aMembership("@agent_echo:hs.test", "invite"), {
      members: [{ ...ghost("echo", "invite"), direct: true }],
    });
    await ledger.setMembers(ROOM, [member(ALICE)], readAt);
    await joins(ledger, "@agent_echo:hs.test");
    expect(await invited()).toEqual([true]);
  });

  test("events that were read back change nothing that a later event has changed", async () => {
    const ledger = await make();
    const [first, left, named, limited, back, renamed] = [
      anEvent(),
      aMembership(BOB, "leave"),
      anEvent({ type: "m.room.name", state_key: "", content: { name: "old" } }),
      anEvent({ type: "m.room.power_levels", state_key: "", content: {} }),
      aMembership(BOB, "join"),
      anEvent({ type: "m.room.name", state_key: "", content: { name: "new" } }),
    ];
    await ledger.setMembers(ROOM, [ghost("echo"), member(ALICE), member(BOB)]);
    await happen(ledger, first, {});
    await happen(ledger, back, { members: [member(BOB)] });
    await happen(ledger, renamed, { state: { name: "new" } });
    const all = [first, left, named, limited, back, renamed];
    await ledger.accept({
      events: [left, named, limited],
      deadLetters: [],
      nowMs: NOW,
      among: all.map((one) => one.event_id),
    });
    await decide(ledger, { members: [member(BOB, "leave")] });
    await decide(ledger, { state: { name: "old" } });
    await decide(ledger, { state: { levels: LEVELS } });
    expect(await ledger.room(ROOM)).toMatchObject({ joinedCount: 3, state: { name: "new", levels: LEVELS } });
  });

  test("state that changes while the room is read is what it was changed to", async () => {
    const ledger = await make();
    await ledger.setState(ROOM, RoomState.parse({ name: "old", topic: "old" }));
    const readAt = await ledger.latestPlace();
    const tombstone = anEvent({ type: "m.room.tombstone", state_key: "", content: {} });
    await happen(ledger, tombstone, { state: { replacement: ROOM } });
    await happen(ledger, anEvent({ type: "m.room.name", state_key: "", content: {} }), { state: { name: "new" } });
    await ledger.setState(ROOM, RoomState.parse({ name: "old", topic: "read", levels: LEVELS }), readAt);
    const { state } = await ledger.room(ROOM);
    expect(state).toEqual(RoomState.parse({ name: "new", topic: "read", levels: LEVELS, replacement: ROOM }));
    await ledger.setState(ROOM, RoomState.parse({ name: "last" }), await ledger.latestPlace());
    expect((await ledger.room(ROOM)).state).toEqual(RoomState.parse({ name: "last" }));
  });

  test("a replacement that is stored ahead of its verdict leaves the rest as it is, and later events count", async () => {
    const ledger = await make();
    const readAt = await ledger.latestPlace();
    const tombstone = anEvent({ type: "m.room.tombstone", state_key: "", content: {} });
    const named = anEvent({ type: "m.room.name", state_key: "", content: {} });
    await ledger.setState(ROOM, RoomState.parse({ topic: "kept" }));
    await push(ledger, tombstone, named);
    const lease = await leaseOf(ledger, ROOM_LANE);
    const [{ seq } = { seq: -1 }] = await ledger.nextEvents(lease, 1);
    await ledger.setReplacement(ROOM, ROOM, seq);
    expect((await ledger.room(ROOM)).state).toEqual(RoomState.parse({ topic: "kept", replacement: ROOM }));
    await ledger.setState(ROOM, RoomState.parse({ topic: "read" }), readAt);
    await decide(ledger, {});
    await decide(ledger, { state: { name: "behind it" } });
    const { state } = await ledger.room(ROOM);
    expect(state).toEqual(RoomState.parse({ topic: "read", name: "behind it", replacement: ROOM }));
  });

  test("the latest place stays when all events are deleted", async () => {
    const ledger = await make();
    await joins(ledger, BOB);
    const place = await ledger.latestPlace();
    expect(place).toBeGreaterThan(0);
    await pruned(ledger, NOW + 1_000_000, { contentsMs: 0, eventIdsMs: 0, turnsMs: 0 });
    expect(await ledger.latestPlace()).toBe(place);
  });
}
