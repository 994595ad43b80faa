/**
 * The homeserver is asked, not only remembered (kind 8 of what was tried from the field): a ledger or a homeserver's
 * database that was lost or restored, users that it does not know any more, pushes that never came.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { AgentSpec } from "#core/configuration/agent.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import { NO_STATE } from "#core/protocol/room-state.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMembership, aMessage } from "#testing/events.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "./clock.ts";

const [ALICE, BOB, ECHO, GUIDE] = ["@alice:hs.test", "@bob:hs.test", "@agent_echo:hs.test", "@agent_guide:hs.test"];
const BOT = "@troupe:hs.test";
const CHAT = "!chat";
const soon = { timeout: 5_000 };

let world: Composed;
let store: TemporaryLedger;
afterEach(() => world.close());

/** An empty ledger, and a homeserver on which these agents have been for long. */
async function begin(...agents: string[]): Promise<void> {
  store = await temporaryLedger();
  const specs = agents.map((id) => AgentSpec.parse({ id, name: id, backend: { use: "echo" } }));
  await store.ledger.setAgents(specs);
  world = await composed({}, {}, systemClock, store);
  for (const id of agents) haveAccount(`@agent_${id}:hs.test`);
}

function haveAccount(userId: string): void {
  world.server.users.add(userId);
  world.server.devices.add(`${userId}|TROUPE`);
}

/** These users are in a room on the homeserver, and the ledger does not know it. */
function inRoom(room: string, ...users: string[]): void {
  world.server.members.set(room, users);
}

/** How a ghost came to a room, as its membership and the invitation before it tell. */
function wasInvited(room: string, isDirect: boolean): void {
  const join = { content: { membership: "join" }, unsigned: { replaces_state: "$invitation" } };
  world.server.state.set(`${room}|m.room.member`, join);
  world.server.events.set("$invitation", { content: { membership: "invite", is_direct: isDirect } });
}

/** So that the room is not read again for its state alone. */
const stateIsKnown = () => world.ledger.setState(ROOM, { ...NO_STATE, creators: [UserId.parse(ALICE)] });

const mentioning = (userId: string) => ({ "m.mentions": { user_ids: [userId] } });
const requested = (pattern: RegExp) => world.server.requests.filter((request) => pattern.test(request));
const answered = (...bodies: string[]) => vi.waitFor(() => expect(world.bodies()).toEqual(bodies), soon);
const decided = (expected: Record<string, number>) =>
  vi.waitFor(async () => expect(await world.ledger.verdicts()).toEqual(expected), soon);
const members = async (room: string) => (await world.ledger.joinedIn(RoomId.parse(room), 100)).map(String);

describe("a ledger that was lost", () => {
  test("kind 8, input 2: a direct chat and a room are answered at the first message", async () => {
    await begin("echo");
    inRoom(CHAT, ALICE, ECHO);
    wasInvited(CHAT, true);
    inRoom(ROOM, ALICE, BOB, ECHO);
    await world.push(aMessage("two", { room_id: CHAT }));
    await answered("echo two");
    await world.push(aMessage("not to you"), aMessage("three", { content: mentioning(ECHO) }));
    await answered("echo two", "echo three");
    expect(await world.ledger.verdicts()).toMatchObject({ wake_direct: 1, wake_mention: 1, not_addressed: 1 });
  });

  test("kind 8: a room of two is no direct chat where the invitation said none", async () => {
    await begin("echo");
    inRoom(CHAT, ALICE, ECHO);
    wasInvited(CHAT, false);
    await world.push(aMessage("to nobody", { room_id: CHAT }));
    await decided({ not_addressed: 1 });
    await world.push(aMessage("one", { room_id: CHAT, content: mentioning(ECHO) }));
    await answered("echo one");
  });

  test("kind 8: where only members may read a room, the agents are asked one after the other", async () => {
    await begin("echo", "guide");
    inRoom(ROOM, ALICE, BOB, GUIDE);
    world.server.answerFirst = ({ path, userId }) =>
      path.endsWith("/joined_members") && userId !== GUIDE
        ? Response.json({ errcode: "M_FORBIDDEN", error: "Not in room" }, { status: 403 })
        : undefined;
    await world.push(aMessage("one", { content: mentioning(GUIDE) }));
    await answered("echo one");
  });

  test("kind 8: no turn begins while the homeserver cannot tell who is there, and none is lost", async () => {
    await begin("echo");
    inRoom(ROOM, ALICE, BOB, ECHO);
    let isDown = true;
    world.server.answerFirst = () => (isDown ? new Response("<html>", { status: 502 }) : undefined);
    await world.push(aMessage("one", { content: mentioning(ECHO) }));
    await vi.waitFor(() => expect(world.lines.join()).toContain("cannot be read"), soon);
    expect(await world.ledger.verdicts()).toEqual({});
    isDown = false;
    await vi.waitFor(() => expect(world.bodies()).toEqual(["echo one"]), { timeout: 15_000 });
  }, 20_000);

  test("kind 8: a room that none of ours is in is asked about once", async () => {
    await begin("echo");
    world.server.refusedReads.add(ROOM);
    await world.push(aMessage("one"));
    await decided({ no_agent: 1 });
    const asked = requested(/joined_members/).length;
    await world.push(aMessage("two"), aMessage("three"));
    await world.push(aMessage("four"));
    await decided({ no_agent: 4 });
    expect(requested(/joined_members/)).toHaveLength(asked);
  });

  test("kind 8: rooms in which nobody speaks are found at the first upkeep, once there are agents", async () => {
    await begin();
    await world.app.tend({ afterStart: true });
    await store.ledger.setAgents([AgentSpec.parse({ id: "echo", name: "echo", backend: { use: "echo" } })]);
    haveAccount(ECHO);
    for (let n = 0; n < 3; n++) inRoom(`!quiet${n}`, ALICE, BOB, ECHO);
    await world.app.tend();
    expect((await world.ledger.roomsAfter("", 10)).map(String)).toEqual(["!quiet0", "!quiet1", "!quiet2"]);
    expect(await world.ledger.mark("compare")).toBe("done");
    expect(world.bodies()).toEqual([]);
  });

  test("kind 8: no account is made for an agent that is in no room", async () => {
    await begin("echo");
    world.server.users.clear();
    await world.app.tend({ afterStart: true });
    expect([...world.server.users]).toEqual([BOT]);
    expect(requested(/joined_rooms/)).toHaveLength(2);
  });
});

describe("a room that is remembered otherwise than it is", () => {
  test("kind 8: an agent that was kicked while we were down, whose kick was never pushed, is known to be gone", async () => {
    await begin("echo", "guide");
    await world.joined(ALICE, BOB, ECHO, GUIDE);
    await stateIsKnown();
    await world.ledger.accept({ events: [aMessage("before")], deadLetters: [], nowMs: Date.now() });
    inRoom(ROOM, ALICE, BOB, GUIDE);
    await world.app.tend({ afterStart: true });
    expect(await members(ROOM)).toEqual([GUIDE, ALICE, BOB]);
    await world.push(aMembership(ECHO, "invite", { sender: ALICE }));
    await vi.waitFor(async () => expect(await world.ledger.verdicts()).toMatchObject({ join: 1 }), soon);
    expect(await members(ROOM)).toContain(ECHO);
  });

  test("kind 8: one that all of ours have left is forgotten, and met again when it speaks", async () => {
    await begin("echo");
    await world.joined(ALICE, BOB, ECHO);
    world.server.refusedReads.add(ROOM);
    await world.app.tend({ afterStart: true });
    expect(await members(ROOM)).toEqual([]);
    world.server.refusedReads.delete(ROOM);
    await world.push(aMessage("one", { content: mentioning(ECHO) }));
    await answered("echo one");
  });

  test("kind 8: a crowded room is not listed each time, but when it refuses the agent", async () => {
    await begin("echo");
    const crowd = Array.from({ length: 60 }, (_, n) => `@u${n}:hs.test`);
    await world.joined(...crowd, ECHO);
    await stateIsKnown();
    await world.app.tend({ afterStart: true });
    await world.app.tend();
    expect(requested(/joined_members/)).toEqual([]);
    inRoom(ROOM, ...crowd);
    world.server.answerFirst = ({ path }) =>
      path.endsWith("/messages") ? Response.json({ errcode: "M_FORBIDDEN", error: "x" }, { status: 403 }) : undefined;
    await world.app.tend();
    expect(await members(ROOM)).not.toContain(ECHO);
  });

  test("kind 8: nothing is asked on the way of an ordinary message", async () => {
    await begin("echo");
    await world.joined(ALICE, BOB, ECHO);
    await world.push(aMessage("one", { content: mentioning(ECHO) }), aMessage("two"));
    await answered("echo one");
    expect(requested(/joined_|\/sync|\/state\//)).toEqual([]);
  });
});

describe("a homeserver that was restored", () => {
  const invitation = aMembership(ECHO, "invite", { room_id: CHAT, content: { membership: "invite", is_direct: true } });
  const isOpen = ({ room_id, type, state_key = "", sender, content }: RoomEvent = invitation) => {
    const events = JSON.parse(JSON.stringify([{ type, state_key, sender, content }]));
    world.server.invited.set(ECHO, { [room_id]: { invite_state: { events } } });
  };

  test("kind 8: an invitation that was accepted and is open again is accepted again", async () => {
    await begin("echo");
    inRoom(CHAT, ALICE, ECHO);
    await world.push(invitation);
    await decided({ join: 1 });
    isOpen();
    inRoom(CHAT, ALICE);
    await world.ledger.setMark("compare", "due");
    await world.app.tend();
    await decided({ join: 2 });
    expect(requested(/\/join$|\/join\?/)).toHaveLength(2);
    expect(world.bodies()).toEqual([]);
  });

  test("kind 8: an invitation that was never pushed is found, and one that is not welcome is declined", async () => {
    await begin("echo");
    inRoom(CHAT, ALICE, ECHO);
    isOpen();
    await world.app.tend({ afterStart: true });
    await decided({ join: 1 });
    isOpen(aMembership(ECHO, "invite", { room_id: "!other", sender: "@eve:evil.test" }));
    for (let n = 0; n < 2; n++) {
      await world.ledger.setMark("compare", "due");
      await world.app.tend();
      await decided({ join: 1, not_invited_by_user: 1 });
    }
    expect(requested(/!other\/leave/)).toHaveLength(1);
  });

  test("kind 8: a user with many rooms is asked for invitations after a loss, and not each time in turn", async () => {
    await begin("echo");
    for (let n = 0; n <= BOUNDS.roomsAskedInTurn.max; n++) inRoom(`!r${n}`, ALICE, BOB, ECHO);
    await world.app.tend({ afterStart: true });
    expect(requested(/\/sync/)).toHaveLength(1);
    await world.app.tend();
    expect([requested(/joined_rooms/).length, requested(/\/sync/).length]).toEqual([4, 1]);
  });

  test("kind 8, input 3: an account that is gone is made again once, and all of ours are compared", async () => {
    await begin("echo");
    inRoom(CHAT, ALICE, ECHO);
    await world.push(invitation);
    await decided({ join: 1 });
    await world.app.tend({ afterStart: true });
    world.server.users.clear();
    world.server.devices.clear();
    world.server.requests.length = 0;
    inRoom("!new", ALICE, ECHO);
    const anew = { room_id: "!new", content: { membership: "invite", is_direct: true } };
    await world.push(aMembership(ECHO, "invite", anew), aMessage("one", { room_id: "!new" }));
    await answered("echo one");
    expect(requested(/register/)).toHaveLength(1);
    expect(await world.ledger.mark("compare")).toBe("due");
  });

  test("kind 8: a user that the homeserver does not know is forgotten, and made when it is needed", async () => {
    await begin("echo");
    await world.ledger.setGhost({ userId: UserId.parse(ECHO), deviceId: "TROUPE", profile: "Echo" });
    world.server.users.clear();
    await world.app.tend({ afterStart: true });
    expect(await world.ledger.ghost(UserId.parse(ECHO))).toBeUndefined();
    expect([...world.server.users]).toEqual([BOT]);
  });
});
