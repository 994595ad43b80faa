/** The part of the ledger's contract about what the gate is told: of a room, of its agents, of a sender. */
import { describe, expect, test } from "vitest";
import { unknownRoom } from "#core/gate/facts.ts";
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import {
  aRow,
  aSession,
  aSpec,
  aTurn,
  ECHO,
  ghost,
  leaseOf,
  member,
  NOW,
  OUT_LANE,
  presentIds,
  queued,
  ROOM,
  settled,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const ALICE = UserId.parse("@alice:hs.test");
const [ROOT, OTHER_ROOM] = [EventId.parse("$root"), RoomId.parse("!other")];
const ids = (present: readonly { agent: { id: string } }[]) => present.map(({ agent }) => agent.id);
const numbered = (length: number, make: (n: string) => string) =>
  Array.from({ length }, (_, n) => make(String(n).padStart(5, "0")));

export function gateContract(make: Make): void {
  describe("a look at a room", () => lookContract(make));
  describe("a room with more agents than a look shows", () => crowdContract(make));
  describe("a family", () => familyContract(make));
  describe("a look at a sender", () => senderContract(make));
  describe("what a room has heard", () => heardContract(make));
  describe("people", () => peopleContract(make));
}

function lookContract(make: Make): void {
  test("of an unknown room knows nothing, and its origin is itself", async () => {
    expect(await (await make()).room(ROOM)).toEqual(unknownRoom(ROOM));
    expect(unknownRoom(ROOM)).toEqual({
      id: ROOM,
      origin: ROOM,
      names: [ROOM],
      aliases: [],
      muted: false,
      joinedCount: 0,
      present: [],
      crowded: false,
      state: { name: "", topic: "", encrypted: false, creators: [], creatorsRule: false },
    });
  });

  test("says whether the bot is joined, and the bot is no agent", async () => {
    const ledger = await make();
    await ledger.setMembers(ROOM, [member("@troupe:hs.test", "invite"), member("@alice:hs.test")]);
    expect(await ledger.room(ROOM)).toMatchObject({ joinedCount: 1 });
    expect(await ledger.room(ROOM)).not.toHaveProperty("botUserId");
    await ledger.setMembers(ROOM, [member("@troupe:hs.test"), member("@alice:hs.test")]);
    expect(await ledger.room(ROOM)).toMatchObject({ botUserId: "@troupe:hs.test", joinedCount: 2, present: [] });
  });

  test("shows twenty agents, and of more the first", async () => {
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

  test("shows agents without their avatars, which only an agent asked for alone has", async () => {
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

  test("names those that are named, by user id or by name, and those that listen", async () => {
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

  test("of those that listen, or have one name, it names twenty", async () => {
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

  test("where the room makes agents listen it names the first twenty too", async () => {
    const ledger = await make();
    await crowded(ledger);
    expect(await ledger.presentIn(ROOM, [], undefined)).toEqual([]);
    await ledger.setRoomLayer(ROOM, { mention: false });
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual(crowd.slice(0, 20));
    await ledger.setRoomLayer(ROOM, {});
    await ledger.setRoomLayer("#a:hs.test", { atRoom: true });
    expect(await ledger.presentIn(ROOM, [], undefined)).toEqual([]);
    await ledger.setAlias("#a:hs.test", ROOM, NOW);
    const present = await ledger.presentIn(ROOM, [], undefined);
    expect(present).toHaveLength(20);
    expect(present[0]?.agent.settings.atRoom).toBe(true);
  });

  test("whom the room's layers name it names too, first those that they make listen, and a family's", async () => {
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
    await ledger.setRoomLayer(ROOM, { agents: { ...agents, ...last } });
    const expected = [...named.slice(0, 19), named.at(-1)];
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual(expected);
    await ledger.setRoomLayer("#a:hs.test", { agents: { crowd00001: { atRoom: true }, "ear_*": { patterns: ["x"] } } });
    await ledger.setAlias("#a:hs.test", ROOM, NOW);
    const both = ["crowd00001", ...named.slice(0, 18), named.at(-1), "ear_1", "ear_2"];
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual(both);
    await ledger.setRoomLayer(ROOM, {});
    await ledger.setRoomLayer("#a:hs.test", { mention: false, agents: { crowd00050: { prompt: "x" } } });
    expect(ids(await ledger.presentIn(ROOM, [], undefined))).toEqual([...crowd.slice(0, 20), "crowd00050"]);
  });

  test("who listens by the defaults is known as soon as they change", async () => {
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

function familyContract(make: Make): void {
  const agentAs = async (ledger: Ledger, id: string) => ledger.agent(AgentId.parse(id), ROOM);

  test("has a member for every id that is like it, each under its own name", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("ticket_*", { name: "Ticket *", prompt: "family" })]);
    await ledger.setMembers(ROOM, [ghost("ticket_17"), ghost("other_17"), member("@agent_ticket_1:evil:hs.test")]);
    expect((await ledger.room(ROOM)).present).toMatchObject([
      {
        userId: "@agent_ticket_17:hs.test",
        agent: { id: "ticket_17", name: "Ticket 17", settings: { prompt: "family" } },
      },
    ]);
    expect(await agentAs(ledger, "other_17")).toBeUndefined();
    await ledger.removeAgent(aSpec("ticket_*").id);
    expect(await agentAs(ledger, "ticket_17")).toBeUndefined();
  });

  test("stands behind an agent with that very id, and behind a family with a longer one", async () => {
    const ledger = await make();
    const specs = ["*", "ticket_*", "ticket_vip_*", "ticket_1"].map((id) => aSpec(id, { prompt: id }));
    await ledger.setAgents(specs);
    const promptOf = async (id: string) => (await agentAs(ledger, id))?.settings.prompt;
    expect(await promptOf("ticket_1")).toBe("ticket_1");
    expect(await promptOf("ticket_2")).toBe("ticket_*");
    expect(await promptOf("ticket_vip_2")).toBe("ticket_vip_*");
    expect(await promptOf("anybody")).toBe("*");
    await ledger.removeAgent(aSpec("ticket_1").id);
    expect(await promptOf("ticket_1")).toBe("ticket_*");
  });

  test("is found in a crowd by what its member is called, and by listening", async () => {
    const ledger = await make();
    await ledger.setAgents([
      aSpec("t_*", { name: "The * of *" }),
      aSpec("ear_*", { mention: false }),
      aSpec("ear_*_b", { mention: true }),
      aSpec("a_*_ear", { mention: false }),
      aSpec("a_*"),
      aSpec("u_*", { name: "Same" }),
    ]);
    const here = ["t_1", "t_22", "ear_1", "a_1", "u_1", "u_2"].map((id) => ghost(id));
    await ledger.setMembers(ROOM, here);
    expect(ids(await ledger.presentIn(ROOM, [], "the 22 of 22"))).toEqual(["ear_1", "t_22"]);
    expect(ids(await ledger.presentIn(ROOM, [], "the 22 of 1"))).toEqual(["ear_1"]);
    expect(ids(await ledger.presentIn(ROOM, [], "the 3 of 3"))).toEqual(["ear_1"]);
    expect(ids(await ledger.presentIn(ROOM, [], "same"))).toEqual(["ear_1", "u_1", "u_2"]);
  });

  test("members are set in a room under the family's key, and each under its own above it", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("ticket_*")]);
    const agents = { "ticket_*": { prompt: "all", model: "big" }, ticket_1: { prompt: "one" } };
    await ledger.setRoomLayer(ROOM, { agents });
    expect((await agentAs(ledger, "ticket_1"))?.settings).toMatchObject({ prompt: "one", model: "big" });
    expect((await agentAs(ledger, "ticket_2"))?.settings).toMatchObject({ prompt: "all", model: "big" });
  });
}

function senderContract(make: Make): void {
  test("knows nothing of whom nothing is known", async () => {
    const nothing = { paired: [], askedAgents: [], bearsOurMark: false };
    const asked = { sender: ALICE, target: ROOT, threadRoot: ROOT, ownKey: "key" };
    const ledger = await make();
    expect(await ledger.sender(ROOM, { sender: ALICE })).toEqual(nothing);
    expect(await ledger.sender(ROOM, asked)).toEqual(nothing);
  });

  test("names the agents somebody was let in to, and those that a message asked", async () => {
    const ledger = await make();
    await ledger.allow(AgentId.parse("a"), ALICE, NOW);
    await ledger.allow(AgentId.parse("b"), ALICE, NOW);
    await ledger.allow(AgentId.parse("c"), UserId.parse("@bob:hs.test"), NOW);
    const turn = aTurn();
    await queued(ledger, turn, { ...aTurn(), agent: AgentId.parse("guide"), prompt: turn.prompt }, aTurn());
    const look = await ledger.sender(ROOM, { sender: ALICE, target: turn.prompt.eventId });
    expect([...look.paired].sort()).toEqual(["a", "b"]);
    expect([...look.askedAgents].sort()).toEqual(["echo", "guide"]);
  });

  test("names a family's member who wrote a message; what the bot wrote no agent did", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("ticket_*"), aSpec("*")]);
    const lease = await leaseOf(ledger, OUT_LANE);
    const nobody = "" as AgentId;
    await ledger.freeze(lease, [aRow({ agent: AgentId.parse("ticket_1") }), aRow({ agent: nobody })]);
    const sent: (string | undefined)[] = [];
    for (const eventId of [EventId.parse("$one"), EventId.parse("$two")]) {
      const row = await ledger.nextOut(lease);
      await ledger.ended(lease, row?.seq ?? -1, { state: "sent", eventId });
      sent.push(row?.agent, (await ledger.sender(ROOM, { sender: ALICE, target: eventId })).repliedAgent);
    }
    expect(sent).toEqual(["ticket_1", "ticket_1", "", undefined]);
  });

  test("knows a mark of ours by the key that was frozen under it", async () => {
    const ledger = await make();
    await ledger.freeze(await leaseOf(ledger, OUT_LANE), [aRow({ key: "turn.0.0" })]);
    expect(await ledger.sender(ROOM, { sender: ALICE, ownKey: "turn.0.0" })).toMatchObject({ bearsOurMark: true });
    expect(await ledger.sender(ROOM, { sender: ALICE, ownKey: "turn.1.0" })).toMatchObject({ bearsOurMark: false });
  });
}

function heardContract(make: Make): void {
  async function say(ledger: Ledger, text: string, over: Partial<ReturnType<typeof aTurn>> = {}) {
    const turn = aTurn(over);
    await settled(ledger, { turns: [turn] }, { room_id: turn.roomId });
    const lease = await leaseOf(ledger, `session:${turn.session}`);
    await ledger.answered(lease, turn.id, { kind: "reply", markdown: text }, []);
  }

  test("what an agent said in a room a moment ago was said there, to the letter", async () => {
    const ledger = await make();
    const since = Date.now() - 60_000;
    await say(ledger, " An answer.\n");
    await say(ledger, "elsewhere", { roomId: OTHER_ROOM });
    expect(await ledger.wasSaid(ROOM, "An answer. ", since)).toBe(true);
    expect(await ledger.wasSaid(ROOM, "An answer", since)).toBe(false);
    expect(await ledger.wasSaid(ROOM, "elsewhere", since)).toBe(false);
    expect(await ledger.wasSaid(ROOM, "An answer.", Date.now() + 60_000)).toBe(false);
  });

  test("an echo is looked for among the latest twenty answers", async () => {
    const ledger = await make();
    await say(ledger, "first");
    for (let n = 0; n < 19; n++) await say(ledger, "next", { session: aSession(`mx.echo.${n}`) });
    expect(await ledger.wasSaid(ROOM, "first", 0)).toBe(true);
    await say(ledger, "last", { session: aSession("mx.echo.last") });
    expect(await ledger.wasSaid(ROOM, "first", 0)).toBe(false);
    expect(await ledger.wasSaid(ROOM, "last", 0)).toBe(true);
  });

  test("pairs are counted for a room, a sender and an agent", async () => {
    const ledger = await make();
    const [first, second] = [
      { sinceMs: 1, count: 2, restUntilMs: 3 },
      { sinceMs: 4, count: 5, restUntilMs: 6 },
    ];
    const guide = AgentId.parse("guide");
    await settled(ledger, {
      pairs: [
        { agent: ECHO, count: first },
        { agent: guide, count: first },
      ],
    });
    await settled(ledger, { pairs: [{ agent: ECHO, count: second }] });
    await settled(ledger, { pairs: [{ agent: ECHO, count: first }] }, { sender: "@bob:hs.test" });
    await settled(ledger, { pairs: [{ agent: ECHO, count: first }] }, { room_id: "!other" });
    expect([...(await ledger.pairs(ROOM, ALICE))].sort()).toEqual([
      ["echo", second],
      ["guide", first],
    ]);
    expect(await ledger.pairs(OTHER_ROOM, UserId.parse("@bob:hs.test"))).toEqual(new Map());
  });
}

function peopleContract(make: Make): void {
  test.for<[name: string, members: [string, "join" | "invite" | "leave"][], has: boolean]>([
    ["nobody", [], false],
    ["whoever is asked about", [["@alice:hs.test", "join"]], false],
    [
      "only ours",
      [
        ["@agent_a:hs.test", "join"],
        ["@troupe:hs.test", "join"],
        ["@agent_:hs.test", "join"],
      ],
      false,
    ],
    ["whoever has left", [["@bob:hs.test", "leave"]], false],
    ["somebody invited", [["@bob:hs.test", "invite"]], true],
    ["somebody who comes before the agents", [["@a:hs.test", "join"]], true],
    [
      "another server's of the same name",
      [
        ["@agent_a:hs.test", "join"],
        ["@agent_a:else.test", "join"],
      ],
      true,
    ],
    ["a server that only ends like ours", [["@agent_a:evil:hs.test", "join"]], true],
    ["another server's bot", [["@troupe:else.test", "join"]], true],
  ])("%s", async ([, list, has]) => {
    const ledger = await make();
    await ledger.setMembers(
      ROOM,
      list.map(([id, membership]) => member(id, membership)),
    );
    await ledger.setMembers(OTHER_ROOM, [member("@bob:hs.test")]);
    expect(await ledger.hasPeople(ROOM, ALICE)).toBe(has);
  });

  test("our users are named page by page, the bot, retired ones and a family's too, and nobody else", async () => {
    const ledger = await make();
    const others = [ghost("left", "leave"), member("@agent_a:else.test"), member("@troupe:else.test")];
    const ours = [ghost("a"), ghost("b"), ghost("c"), member("@troupe:hs.test")];
    await ledger.setMembers(ROOM, [...ours, ...others, member("@alice:hs.test")]);
    const first = await ledger.ghostsIn(ROOM, "", 2);
    expect(first).toEqual(["@agent_a:hs.test", "@agent_b:hs.test"]);
    expect(await ledger.ghostsIn(ROOM, first[1] ?? "", 2)).toEqual(["@agent_c:hs.test", "@troupe:hs.test"]);
    expect(await ledger.ghostsIn(ROOM, "@troupe:hs.test", 2)).toEqual([]);
    await ledger.setMembers(ROOM, [member("@troupe:hs.test", "invite"), ghost("UPPER")]);
    expect(await ledger.ghostsIn(ROOM, "", 2)).toEqual(["@agent_UPPER:hs.test"]);
  });
}
