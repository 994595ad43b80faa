/** The part of the ledger's contract about rooms: state, threads, direct chats, upgrades, sessions. */
import { describe, expect, test } from "vitest";
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { NO_STATE, RoomState } from "#core/protocol/room-state.ts";
import type { Ledger } from "#ports/ledger.ts";
import { anEvent } from "#testing/events.ts";
import {
  aSession,
  aSettled,
  aSpec,
  aTurn,
  ECHO,
  ghost,
  member,
  NOW,
  queued,
  ROOM,
  setRoomLayer,
  settled,
  waiting,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const [ALICE, BOB] = [UserId.parse("@alice:hs.test"), UserId.parse("@bob:hs.test")];
const [ROOT, GUIDE] = [EventId.parse("$root"), AgentId.parse("guide")];
const [SECOND, THIRD] = [RoomId.parse("!second"), RoomId.parse("!third")];
const LEVELS = { users: { "@a:b": 50 }, users_default: 0, state_default: 50, events: {} };

export function roomsContract(make: Make): void {
  describe("a room's state", () => stateContract(make));
  describe("a thread", () => threadContract(make));
  describe("a direct chat", () => directContract(make));
  describe("a room that replaced another", () => successionContract(make));
  describe("sessions", () => sessionsContract(make));
}

function stateContract(make: Make): void {
  const stateOf = async (ledger: Ledger) => (await ledger.room(ROOM)).state;

  test("changes key by key, and each key as a whole", async () => {
    const ledger = await make();
    const other = { ...LEVELS, users: { "@c:d": 100 } };
    await settled(ledger, { state: { name: "half \ud83d, \0, 'it'" } });
    await settled(ledger, { state: { levels: LEVELS } });
    await settled(ledger, { state: { levels: other, encrypted: true } });
    await settled(ledger, { state: {} });
    await settled(ledger, { state: { name: "in another room" } }, { room_id: "!other" });
    expect(await stateOf(ledger)).toEqual({
      ...NO_STATE,
      name: "half \ud83d, \0, 'it'",
      encrypted: true,
      levels: other,
    });
    await settled(ledger, { state: { name: "" } });
    expect(await stateOf(ledger)).toMatchObject({ name: "", encrypted: true });
  });

  test("read anew replaces what was known, and leaves the origin", async () => {
    const ledger = await make();
    await settled(ledger, { state: { name: "old", topic: "old" } });
    await ledger.succeed(SECOND, ROOM);
    await ledger.setState(ROOM, RoomState.parse({ name: "new", levels: LEVELS }));
    expect(await ledger.room(ROOM)).toMatchObject({
      origin: SECOND,
      state: { ...NO_STATE, name: "new", levels: LEVELS },
    });
  });

  test("is not changed by a verdict that is not stored", async () => {
    const ledger = await make();
    const [lease, event] = await waiting(ledger);
    await ledger.settle(lease, event, aSettled());
    const late = aSettled({
      state: { name: "late" },
      thread: { root: ROOT, hold: { agent: ECHO, holder: ALICE } },
      pairs: [{ agent: ECHO, count: { sinceMs: 1, count: 1, restUntilMs: 0 } }],
      members: [{ ...ghost("echo", "invite"), direct: true }],
      about: ECHO,
    });
    expect(await ledger.settle(lease, event, late)).toBe(false);
    expect(await stateOf(ledger)).toEqual(NO_STATE);
    expect(await ledger.sender(ROOM, { sender: ALICE, threadRoot: ROOT })).not.toHaveProperty("thread");
    expect((await ledger.sender(ROOM, { sender: ALICE })).pairs).toEqual(new Map());
    expect(await ledger.verdictOf(event.event.event_id)).not.toHaveProperty("about");
    await ledger.setAgents([aSpec("echo")]);
    await settled(ledger, { members: [ghost("echo")] });
    expect((await ledger.room(ROOM)).present).toMatchObject([{ invitedDirectly: false }]);
  });
}

function threadContract(make: Make): void {
  const threadOf = async (ledger: Ledger) => (await ledger.sender(ROOM, { sender: ALICE, threadRoot: ROOT })).thread;
  const hold = (agent: AgentId, holder: UserId) => ({ thread: { root: ROOT, hold: { agent, holder } } });
  async function at(ledger: Ledger, nowMs: number, over: Parameters<typeof settled>[1]) {
    const event = anEvent();
    await ledger.accept({ events: [event], deadLetters: [], nowMs });
    await settled(ledger, over, event);
  }

  test("is held by the user who woke an agent in it last, from the time that message was received", async () => {
    const ledger = await make();
    await at(ledger, 5, hold(ECHO, ALICE));
    expect(await threadOf(ledger)).toEqual({ agent: ECHO, holder: ALICE, shared: false, atMs: 5 });
    await at(ledger, 9, hold(GUIDE, BOB));
    expect(await threadOf(ledger)).toEqual({ agent: GUIDE, holder: BOB, shared: false, atMs: 9 });
    expect(await ledger.sender(SECOND, { sender: ALICE, threadRoot: ROOT })).not.toHaveProperty("thread");
  });

  test("that was shared once stays shared", async () => {
    const ledger = await make();
    await settled(ledger, hold(ECHO, ALICE));
    await settled(ledger, { thread: { root: ROOT, shared: true } });
    await settled(ledger, hold(ECHO, ALICE));
    expect(await threadOf(ledger)).toMatchObject({ agent: ECHO, holder: ALICE, shared: true });
  });

  test("that began shared has no holder, and stays shared when it gets one", async () => {
    const ledger = await make();
    await settled(ledger, { thread: { root: ROOT, shared: true } });
    expect(await threadOf(ledger)).toEqual({ shared: true, atMs: NOW });
    await settled(ledger, hold(ECHO, ALICE));
    expect(await threadOf(ledger)).toMatchObject({ agent: ECHO, shared: true });
  });
}

function directContract(make: Make): void {
  const invited = { ...ghost("echo", "invite"), direct: true };
  async function isDirect(ledger: Ledger, roomId = ROOM) {
    await ledger.setAgents([aSpec("echo")]);
    return (await ledger.room(roomId)).present.map((one) => one.invitedDirectly);
  }

  test("is a room that an agent was invited to as one, until it leaves", async () => {
    const ledger = await make();
    await settled(ledger, { members: [invited] });
    expect(await isDirect(ledger)).toEqual([]);
    await settled(ledger, { members: [ghost("echo")] });
    expect(await isDirect(ledger)).toEqual([true]);
    await settled(ledger, { members: [ghost("echo", "leave")] });
    await settled(ledger, { members: [ghost("echo")] });
    expect(await isDirect(ledger)).toEqual([false]);
  });

  test("ends with a ban for that agent, and not for others", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("echo"), aSpec("guide")]);
    await settled(ledger, { members: [invited, { ...ghost("guide", "invite"), direct: true }] });
    await settled(ledger, { members: [ghost("echo", "ban")] });
    await settled(ledger, { members: [ghost("echo"), ghost("guide")] });
    const present = (await ledger.room(ROOM)).present.map((one) => [one.agent.id, one.invitedDirectly]);
    expect(present).toEqual([
      ["echo", false],
      ["guide", true],
    ]);
  });

  test("stays one for an agent that stays, also when the members are read again", async () => {
    const ledger = await make();
    await settled(ledger, { members: [invited, ghost("guide")] });
    await ledger.setMembers(ROOM, [ghost("echo"), ghost("guide"), member("@alice:hs.test")]);
    expect(await isDirect(ledger)).toEqual([true]);
    await ledger.setMembers(ROOM, [ghost("guide")]);
    await ledger.setMembers(ROOM, [ghost("echo")]);
    expect(await isDirect(ledger)).toEqual([false]);
    await ledger.setMembers(ROOM, [{ ...ghost("echo"), direct: true }]);
    expect(await isDirect(ledger)).toEqual([true]);
  });

  test("is unchanged by members that cannot be stored", async () => {
    const ledger = await make();
    await settled(ledger, { members: [invited] });
    await settled(ledger, { members: [ghost("echo")] });
    const broken = { userId: BOB, membership: null as unknown as "join" };
    await expect(ledger.setMembers(ROOM, [broken])).rejects.toThrow();
    expect(await isDirect(ledger)).toEqual([true]);
  });
}

function successionContract(make: Make): void {
  test("keeps layer and direct chats, and its sessions have one origin", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("echo")]);
    await setRoomLayer(ledger, ROOM, { prompt: "here", muted: true });
    await settled(ledger, { members: [{ ...ghost("echo", "invite"), direct: true }] });
    await ledger.succeed(ROOM, SECOND);
    await ledger.succeed(SECOND, THIRD);
    // The members are read before the agent joins; the mark of the direct chat is kept for it.
    await ledger.setMembers(THIRD, [member("@alice:hs.test")]);
    await settled(ledger, { members: [ghost("echo", "invite")] }, { room_id: THIRD });
    await settled(ledger, { members: [ghost("echo")] }, { room_id: THIRD });
    expect(await ledger.room(THIRD)).toMatchObject({
      ...{ origin: ROOM, muted: true },
      present: [{ invitedDirectly: true, agent: { settings: { prompt: "here" } } }],
    });
    expect(await ledger.room(SECOND)).toMatchObject({ origin: ROOM, joinedCount: 0, present: [] });
    expect(await ledger.hasPeople(SECOND, undefined)).toBe(false);
  });

  test("keeps later changes when the upgrade is written again", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("echo")]);
    await setRoomLayer(ledger, ROOM, { muted: true });
    await settled(ledger, { members: [{ ...ghost("echo", "invite"), direct: true }] });
    await ledger.succeed(ROOM, SECOND);
    await setRoomLayer(ledger, SECOND, {});
    await settled(ledger, { members: [ghost("echo")], state: { name: "second" } }, { room_id: SECOND });
    await settled(ledger, { members: [ghost("echo", "leave")] }, { room_id: SECOND });
    await settled(ledger, { members: [ghost("echo")] }, { room_id: SECOND });
    await ledger.succeed(ROOM, SECOND);
    expect(await ledger.room(SECOND)).toMatchObject({
      ...{ origin: ROOM, muted: false, state: { name: "second" } },
      present: [{ invitedDirectly: false }],
    });
  });

  test("keeps its own layer, and has the first room's while it has none", async () => {
    const ledger = await make();
    await setRoomLayer(ledger, ROOM, { prompt: "old" });
    await setRoomLayer(ledger, SECOND, { prompt: "own" });
    await ledger.succeed(ROOM, SECOND);
    expect(await ledger.roomLayer(SECOND)).toEqual({ prompt: "own" });
    // A file that knows only the room that was replaced.
    await ledger.setConfiguration({ ...(await ledger.configuration()), rooms: { [ROOM]: { muted: true } } });
    expect(await ledger.roomLayer(SECOND)).toEqual({ muted: true });
    expect(await ledger.room(SECOND)).toMatchObject({ muted: true });
    await ledger.succeed(ROOM, SECOND);
    expect((await ledger.configuration()).rooms).toEqual({ [ROOM]: { muted: true } });
  });

  test("has the layer of the nearest room before it, however often the configuration is applied", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("echo")]);
    const apply = async (rooms: Record<string, { muted?: boolean; prompt?: string }>) =>
      ledger.setConfiguration({ ...(await ledger.configuration()), rooms });
    await ledger.succeed(ROOM, SECOND);
    await apply({ [SECOND]: { muted: true } });
    await ledger.succeed(SECOND, THIRD);
    await apply({ [SECOND]: { muted: true } });
    expect(await ledger.roomLayer(THIRD)).toEqual({ muted: true });
    expect(await ledger.room(THIRD)).toMatchObject({ origin: ROOM, muted: true });
    expect(await ledger.room(ROOM)).toMatchObject({ muted: false });
    await apply({ [ROOM]: { prompt: "first" }, [SECOND]: { prompt: "second" } });
    expect((await ledger.agent(ECHO, THIRD))?.settings.prompt).toBe("second");
    await apply({ [ROOM]: { prompt: "first" } });
    expect((await ledger.agent(ECHO, THIRD))?.settings.prompt).toBe("first");
  });

  test("may claim to be replaced by the room it replaced", async () => {
    const ledger = await make();
    await ledger.succeed(ROOM, SECOND);
    await ledger.succeed(SECOND, ROOM);
    expect(await ledger.roomLayer(ROOM)).toEqual({});
    await setRoomLayer(ledger, SECOND, { prompt: "one" });
    expect(await ledger.roomLayer(ROOM)).toEqual({ prompt: "one" });
  });

  test("is known by the tombstone of a room in which the user is", async () => {
    const ledger = await make();
    const echo = ghost("echo").userId;
    await settled(ledger, { state: { name: "old" } });
    await settled(ledger, { state: { replacement: SECOND }, members: [ghost("echo"), ghost("left", "leave")] });
    expect(await ledger.replacedBy(SECOND, echo)).toBe(ROOM);
    expect(await ledger.replacedBy(SECOND, ghost("left").userId)).toBeUndefined();
    expect(await ledger.replacedBy(SECOND, ALICE)).toBeUndefined();
    expect(await ledger.replacedBy(ROOM, echo)).toBeUndefined();
    await ledger.setState(ROOM, RoomState.parse({ replacement: THIRD }));
    expect(await ledger.replacedBy(SECOND, echo)).toBeUndefined();
    expect(await ledger.replacedBy(THIRD, echo)).toBe(ROOM);
    expect((await ledger.room(ROOM)).state.replacement).toBe(THIRD);
  });
}

function sessionsContract(make: Make): void {
  test("are listed when open, by agent and thread; a question whose answer begins a thread is in both", async () => {
    const ledger = await make();
    const plain = aTurn({ session: "plain" });
    const begins = aTurn({ session: "begins" });
    await queued(
      ledger,
      plain,
      { ...begins, threadRoot: begins.prompt.eventId },
      aTurn({ session: "within", threadRoot: ROOT }),
      aTurn({ session: "guide", agent: GUIDE }),
    );
    expect((await ledger.openSessions(ROOM, undefined, [ECHO])).sort()).toEqual(["begins", "plain"]);
    expect((await ledger.openSessions(ROOM, undefined, [ECHO, GUIDE])).sort()).toEqual(["begins", "guide", "plain"]);
    expect(await ledger.openSessions(ROOM, ROOT, [ECHO])).toEqual(["within"]);
    expect(await ledger.openSessions(ROOM, begins.prompt.eventId, [ECHO])).toEqual(["begins"]);
    expect(await ledger.openSessions(ROOM, undefined, [])).toEqual([]);
  });

  test("of a room are listed when open, of every thread and agent", async () => {
    const ledger = await make();
    await queued(
      ledger,
      aTurn(),
      aTurn(),
      aTurn({ session: "guide", agent: GUIDE, threadRoot: ROOT }),
      aTurn({ session: "elsewhere", roomId: SECOND }),
      aTurn({ session: "ended", ending: "context" }),
    );
    expect((await ledger.openSessionsIn(ROOM)).sort()).toEqual(["guide", "mx.echo.1"]);
    expect(await ledger.openSessionsIn(THIRD)).toEqual([]);
  });

  test("have the later of two epochs", async () => {
    const ledger = await make();
    expect(await ledger.epoch(aSession("mx.echo.1"))).toMatchObject({ epoch: 0, waiting: { count: 0 } });
    await ledger.beginEpoch(aSession("mx.echo.1"), { epoch: 7, session: aSession("mx.echo.7"), atMs: NOW });
    await ledger.beginEpoch(aSession("mx.echo.1"), { epoch: 5, session: aSession("mx.echo.5"), atMs: NOW });
    expect((await ledger.epoch(aSession("mx.echo.1"))).epoch).toBe(7);
    expect((await ledger.epoch(aSession("mx.echo.2"))).epoch).toBe(0);
  });

  test("remember how many agents answered each other before a turn", async () => {
    const ledger = await make();
    const lease = await queued(ledger, aTurn({ hop: 3 }));
    expect((await ledger.currentTurn(lease))?.turn.hop).toBe(3);
  });
}
