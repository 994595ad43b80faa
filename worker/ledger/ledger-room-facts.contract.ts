/** The part of the ledger's contract about the facts of a room: agents, members and layers, also with many agents. */
import { describe, expect, test } from "vitest";
import { unknownRoom } from "#core/gate/facts.ts";
import { EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import { NO_STATE } from "#core/protocol/room-state.ts";
import type { Ledger } from "#ports/ledger.ts";
import {
  aRow,
  aSpec,
  aTurn,
  ECHO,
  ghost,
  leaseOf,
  member,
  NOW,
  OUT_LANE,
  presentIds,
  ROOM,
  setRoomLayer,
  settled,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const [THREAD, OTHER_ROOM] = [EventId.parse("$thread"), RoomId.parse("!other")];
const setAgents = (ledger: Ledger, ...names: string[]) => ledger.setAgents(names.map((id) => aSpec(id)));
const ids = (present: readonly { agent: { id: string } }[]) => present.map(({ agent }) => agent.id);
const numbered = (length: number, make: (n: string) => string) =>
  Array.from({ length }, (_, n) => make(String(n).padStart(5, "0")));

export function roomFactsContract(make: Make): void {
  describe("in the facts of a room", () => presentContract(make));
  describe("the facts of a room", () => factsContract(make));
  describe("the facts of a room with many agents", () => crowdContract(make));
}

function presentContract(make: Make): void {
  test("only joined agents of ours are present, in the order of their ids, and no retired one", async () => {
    const ledger = await make();
    await setAgents(ledger, "a", "a-b", "left", "retired");
    await setAgents(ledger, "a", "a-b", "left");
    await ledger.setMembers(ROOM, [
      ...["a", "retired", "nobody", "a-b"].map((id) => ghost(id)),
      ...[member("@agent_a:elsewhere.test"), ghost("left", "leave"), member("@agent_:hs.test")],
      ...[member("@agent_a:evil:hs.test"), member("@a:hs.test")],
    ]);
    expect(await presentIds(ledger)).toEqual(["a", "a-b"]);
    const [first] = (await ledger.room(ROOM)).present;
    expect(first).toMatchObject({ userId: "@agent_a:hs.test", invitedDirectly: false, agent: aSpec("a") });
    expect(await presentIds(ledger, RoomId.parse("!other"))).toEqual([]);
  });

  test("joined members are counted up to three, in this room only", async () => {
    const ledger = await make();
    const people = ["a", "b", "c", "d"].map((name) => member(`@${name}:hs.test`));
    expect((await ledger.room(ROOM)).joinedCount).toBe(0);
    await ledger.setMembers(ROOM, [...people.slice(0, 2), member("@invited:hs.test", "invite")]);
    expect((await ledger.room(ROOM)).joinedCount).toBe(2);
    await settled(ledger, { members: people }, { room_id: "!other" });
    expect((await ledger.room(ROOM)).joinedCount).toBe(2);
    await ledger.setMembers(ROOM, people);
    expect((await ledger.room(ROOM)).joinedCount).toBe(3);
  });

  test("a membership read anew replaces what was known, however large the room", async () => {
    const ledger = await make();
    await setAgents(ledger, "echo", "guide");
    await ledger.setMembers(ROOM, [member("@agent_echo:hs.test")]);
    const crowd = Array.from({ length: 20_000 }, (_, index) => member(`@person${index}:${"x".repeat(60)}.test`));
    await ledger.setMembers(ROOM, [...crowd, member("@agent_guide:hs.test")]);
    expect(await presentIds(ledger)).toEqual(["guide"]);
  });

  test("the agent who wrote an event is known by the event, while it is not retired", async () => {
    const ledger = await make();
    await setAgents(ledger, "echo");
    const eventId = EventId.parse("$sent");
    const lease = await leaseOf(ledger, OUT_LANE);
    await ledger.queueOut(lease, [aRow()]);
    await ledger.endOut(lease, (await ledger.nextOut(lease))?.seq ?? -1, { state: "sent", eventId }, NOW);
    const target = (of: EventId) => ledger.sender(ROOM, { sender: aTurn().prompt.sender, target: of });
    expect((await target(eventId)).repliedAgent).toBe(ECHO);
    expect(await target(THREAD)).not.toHaveProperty("repliedAgent");
    await setAgents(ledger);
    expect(await target(eventId)).not.toHaveProperty("repliedAgent");
  });
}

function factsContract(make: Make): void {
  test("are empty for an unknown room, whose origin is itself", async () => {
    expect(await (await make()).room(ROOM)).toEqual(unknownRoom(ROOM));
    expect(unknownRoom(ROOM)).toEqual({
      id: ROOM,
      state: NO_STATE,
      origin: ROOM,
      names: [ROOM],
      aliases: [],
      muted: false,
      joinedCount: 0,
      present: [],
      crowded: false,
    });
  });

  test("say whether the bot is joined; the bot is no agent", async () => {
    const ledger = await make();
    await ledger.setMembers(ROOM, [member("@troupe:hs.test", "invite"), member("@alice:hs.test")]);
    expect(await ledger.room(ROOM)).toMatchObject({ joinedCount: 1 });
    expect(await ledger.room(ROOM)).not.toHaveProperty("botUserId");
    await ledger.setMembers(ROOM, [member("@troupe:hs.test"), member("@alice:hs.test")]);
    expect(await ledger.room(ROOM)).toMatchObject({ botUserId: "@troupe:hs.test", joinedCount: 2, present: [] });
  });

  test("have the first twenty agents", async () => {
    const ledger = await make();
    const names = numbered(21, (n) => `a${n}`);
    await ledger.setAgents(names.map((id) => aSpec(id)));
    await ledger.setMembers(
      ROOM,
      names.slice(0, 20).map((id) => ghost(id)),
    );
    expect(await ledger.room(ROOM)).toMatchObject({ crowded: false });
    expect(await presentIds(ledger)).toEqual(names.slice(0, 20));
    await ledger.setMembers(
      ROOM,
      names.map((id) => ghost(id)),
    );
    expect(await ledger.room(ROOM)).toMatchObject({ crowded: true });
    expect(await presentIds(ledger)).toEqual(names.slice(0, 1));
  });

  test("are not crowded by users of another server whose names are like ours", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("one"), aSpec("two")]);
    const others = numbered(30, (n) => `@agent_${n}:evil.test`).map((id) => member(id));
    await ledger.setMembers(ROOM, [ghost("one"), ghost("two"), ...others]);
    expect(await ledger.room(ROOM)).toMatchObject({ crowded: false });
    expect(await presentIds(ledger)).toEqual(["one", "two"]);
  });

  test("have agents without their avatars, which only a read of one agent has", async () => {
    const ledger = await make();
    const avatar = { mediaType: "image/png", base64: "AAAA" };
    await ledger.setAgents([aSpec("echo", { avatar })]);
    await ledger.setMembers(ROOM, [ghost("echo")]);
    expect((await ledger.room(ROOM)).present[0]?.agent).not.toHaveProperty("avatar");
    expect(await ledger.agent(ECHO, ROOM)).toMatchObject({ avatar });
  });
}

function crowdContract(make: Make): void {
  const crowd = numbered(10_000, (n) => `crowd${n}`);
  async function crowded(ledger: Ledger, ...specs: ReturnType<typeof aSpec>[]) {
    await ledger.setAgents([...crowd.map((id) => aSpec(id)), ...specs]);
    await ledger.setMembers(
      ROOM,
      [...crowd, ...specs.map(({ id }) => id)].map((id) => ghost(id)),
    );
  }

  test("have the agents that are named by user id or by name, and those that listen", async () => {
    const ledger = await make();
    const specs = [aSpec("helper", { name: "Größe" }), aSpec("ear", { mention: false }), aSpec("off", { name: "Off" })];
    await crowded(ledger, ...specs);
    await ledger.removeAgent(aSpec("off").id);
    expect(await ledger.room(ROOM)).toMatchObject({ crowded: true });
    const named = ["@agent_crowd00007:hs.test", "@alice:hs.test", "@agent_off:hs.test", "@agent_nobody:hs.test"];
    const users = named.map((id) => UserId.parse(id));
    expect(ids(await ledger.presentIn(ROOM, users, undefined))).toEqual(["crowd00007", "ear"]);
    expect(ids(await ledger.presentIn(ROOM, [], "größe"))).toEqual(["ear", "helper"]);
    expect(ids(await ledger.presentIn(ROOM, [], "off"))).toEqual(["ear"]);
    expect(await ledger.presentIn(OTHER_ROOM, users, "größe")).toEqual([]);
  });

  test("have at most twenty that listen or have the same name", async () => {
    const ledger = await make();
    const ears = numbered(30, (n) => `ear${n}`);
    const same = numbered(30, (n) => `same${n}`);
    await crowded(
      ledger,
      ...ears.map((id) => aSpec(id, { patterns: ["hey"] })),
      ...same.map((id) => aSpec(id, { name: "Same" })),
    );
    expect(await ledger.presentIn(ROOM, [], undefined)).toHaveLength(20);
    expect(await ledger.presentIn(ROOM, [], "same")).toHaveLength(40);
  });

  test("have the first twenty where the room makes agents listen", async () => {
    const ledger = await make();
    await crowded(ledger);
    expect(await ledger.presentIn(ROOM, [], undefined)).toEqual([]);
    await setRoomLayer(ledger, ROOM, { mention: false });
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual(crowd.slice(0, 20));
    await setRoomLayer(ledger, ROOM, {});
    await setRoomLayer(ledger, "#a:hs.test", { atRoom: true });
    expect(await ledger.presentIn(ROOM, [], undefined)).toEqual([]);
    await ledger.setAlias("#a:hs.test", ROOM, NOW);
    const present = await ledger.presentIn(ROOM, [], undefined);
    expect(present).toHaveLength(20);
    expect(present[0]?.agent.settings.atRoom).toBe(true);
  });

  test("have the agents in the room's layers too, first those that they make listen, also of families", async () => {
    const ledger = await make();
    await crowded(ledger, aSpec("ear_*"), aSpec("ear_1"), aSpec("off"));
    await ledger.setMembers(
      ROOM,
      [...crowd, "ear_1", "ear_2", "off"].map((id) => ghost(id)),
    );
    await ledger.removeAgent(aSpec("off").id);
    const named = crowd.slice(100, 130);
    const agents: Record<string, object> = Object.fromEntries(named.map((id) => [id, { prompt: "x" }]));
    const last = { [named.at(-1) ?? ""]: { mention: false }, off: { mention: false }, gone: { mention: false } };
    await setRoomLayer(ledger, ROOM, { agents: { ...agents, ...last } });
    const expected = [...named.slice(0, 19), named.at(-1)];
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual(expected);
    await setRoomLayer(ledger, "#a:hs.test", {
      agents: { crowd00001: { atRoom: true }, "ear_*": { patterns: ["x"] } },
    });
    await ledger.setAlias("#a:hs.test", ROOM, NOW);
    const both = ["crowd00001", ...named.slice(0, 18), named.at(-1), "ear_1", "ear_2"];
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual(both);
    await setRoomLayer(ledger, ROOM, {});
    await setRoomLayer(ledger, "#a:hs.test", { mention: false, agents: { crowd00050: { prompt: "x" } } });
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual([...crowd.slice(0, 20), "crowd00050"]);
  });

  test("have those that listen by the defaults as soon as these change", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("deaf", { mention: true }), aSpec("ear")]);
    await ledger.setMembers(ROOM, [ghost("deaf"), ghost("ear")]);
    expect(await ledger.presentIn(ROOM, [], undefined)).toEqual([]);
    const configuration = await ledger.configuration();
    await ledger.setConfiguration({ ...configuration, defaults: { mention: false } });
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual(["ear"]);
    await ledger.putAgent(aSpec("new"));
    await ledger.putAgent(aSpec("ear", { mention: true }));
    await ledger.setMembers(ROOM, [ghost("deaf"), ghost("ear"), ghost("new")]);
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual(["new"]);
    await ledger.setAgents([aSpec("deaf")]);
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual(["deaf"]);
  });
}
