/** The part of the ledger's contract about the facts of a sender, echoes, counted pairs and the members of a room. */
import { describe, expect, test } from "vitest";
import { UNKNOWN_SENDER } from "#core/gate/facts.ts";
import { AgentId, BOT, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import {
  anAnswer,
  aRow,
  aSession,
  aSpec,
  aTurn,
  ECHO,
  ghost,
  keyOf,
  leaseOf,
  member,
  NOW,
  OUT_LANE,
  queued,
  ROOM,
  settled,
} from "#testing/ledger-rows.ts";

type Make = () => Promise<Ledger>;

const ALICE = UserId.parse("@alice:hs.test");
const [ROOT, OTHER_ROOM] = [EventId.parse("$root"), RoomId.parse("!other")];

export function senderContract(make: Make): void {
  describe("the facts of a sender", () => factsContract(make));
  describe("the earlier messages of a room", () => heardContract(make));
  describe("the members of a room", () => peopleContract(make));
}

function factsContract(make: Make): void {
  test("are empty for an unknown sender", async () => {
    const asked = { sender: ALICE, target: ROOT, threadRoot: ROOT, ownKey: keyOf("key") };
    const ledger = await make();
    expect(await ledger.sender(ROOM, { sender: ALICE })).toEqual(UNKNOWN_SENDER);
    expect(await ledger.sender(ROOM, asked)).toEqual(UNKNOWN_SENDER);
  });

  test("have the agents that the sender has a grant for, and those that a message asked", async () => {
    const ledger = await make();
    await ledger.allow(AgentId.parse("a"), ALICE, NOW);
    await ledger.allow(AgentId.parse("b"), ALICE, NOW);
    await ledger.allow(AgentId.parse("c"), UserId.parse("@bob:hs.test"), NOW);
    const turn = aTurn();
    await queued(ledger, turn, { ...aTurn(), agent: AgentId.parse("guide"), prompt: turn.prompt }, aTurn());
    const found = await ledger.sender(ROOM, { sender: ALICE, target: turn.prompt.eventId });
    expect([...found.paired].sort()).toEqual(["a", "b"]);
    expect([...found.askedAgents].sort()).toEqual(["echo", "guide"]);
  });

  test("have the agent that wrote a message, also a family's member, but not for the bot's messages", async () => {
    const ledger = await make();
    await ledger.setAgents([aSpec("ticket_*"), aSpec("*")]);
    const lease = await leaseOf(ledger, OUT_LANE);
    await ledger.queueOut(lease, [aRow({ agent: AgentId.parse("ticket_1") }), aRow({ agent: BOT })]);
    const sent: (string | undefined)[] = [];
    for (const eventId of [EventId.parse("$one"), EventId.parse("$two")]) {
      const row = await ledger.nextOut(lease);
      await ledger.endOut(lease, row?.seq ?? -1, { state: "sent", eventId }, NOW);
      sent.push(row?.agent, (await ledger.sender(ROOM, { sender: ALICE, target: eventId })).repliedAgent);
    }
    expect(sent).toEqual(["ticket_1", "ticket_1", BOT, undefined]);
  });

  test("say whether the row that an event's mark names has ended", async () => {
    const ledger = await make();
    await ledger.queueOut(await leaseOf(ledger, OUT_LANE), [aRow({ key: "turn.0.0" })]);
    const markedRow = async (key: string) =>
      (await ledger.sender(ROOM, { sender: ALICE, ownKey: keyOf(key) })).markedRow;
    expect([await markedRow("turn.0.0"), await markedRow("turn.1.0")]).toEqual(["open", undefined]);
    const lease = await leaseOf(ledger, OUT_LANE);
    const seq = (await ledger.nextOut(lease))?.seq ?? -1;
    await ledger.endOut(lease, seq, { state: "sent", eventId: ROOT }, NOW);
    expect(await markedRow("turn.0.0")).toBe("ended");
  });
}

function heardContract(make: Make): void {
  async function say(ledger: Ledger, text: string, over: Partial<ReturnType<typeof aTurn>> = {}) {
    const turn = aTurn(over);
    await settled(ledger, { turns: [turn] }, { room_id: turn.roomId });
    const lease = await leaseOf(ledger, `session:${turn.session}`);
    await ledger.storeAnswer(lease, turn.id, anAnswer(text));
  }

  const isEcho = async (ledger: Ledger, text: string, sinceMs: number) =>
    (await ledger.sender(ROOM, { sender: ALICE, echo: { texts: ["another text", text], sinceMs } })).isEcho;
  const threeMembers = (ledger: Ledger) =>
    ledger.setMembers(
      ROOM,
      ["@alice:hs.test", "@bob:hs.test", "@agent_echo:hs.test"].map((id) => member(id)),
    );

  test("make no message an echo in a room of two", async () => {
    const ledger = await make();
    await ledger.setMembers(
      ROOM,
      ["@alice:hs.test", "@agent_echo:hs.test"].map((id) => member(id)),
    );
    await say(ledger, "An answer.");
    expect(await isEcho(ledger, "An answer.", 0)).toBe(false);
  });

  test("make a message an echo that repeats an agent's recent message there to the letter", async () => {
    const ledger = await make();
    const since = NOW - 60_000;
    await threeMembers(ledger);
    await say(ledger, " An answer.\n");
    await say(ledger, "elsewhere", { roomId: OTHER_ROOM });
    expect(await isEcho(ledger, "An answer. ", since)).toBe(true);
    expect(await isEcho(ledger, "An answer", since)).toBe(false);
    expect(await isEcho(ledger, "elsewhere", since)).toBe(false);
    expect(await isEcho(ledger, "An answer.", NOW + 60_000)).toBe(false);
  });

  test("make a message an echo of the latest twenty answers only", async () => {
    const ledger = await make();
    await threeMembers(ledger);
    await say(ledger, "first");
    for (let n = 0; n < 19; n++) await say(ledger, "next", { session: aSession(`mx.echo.${n}`) });
    expect(await isEcho(ledger, "first", 0)).toBe(true);
    await say(ledger, "last", { session: aSession("mx.echo.last") });
    expect(await isEcho(ledger, "first", 0)).toBe(false);
    expect(await isEcho(ledger, "last", 0)).toBe(true);
  });

  test("are counted for a room, a sender and an agent", async () => {
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
    expect([...(await ledger.sender(ROOM, { sender: ALICE })).pairs].sort()).toEqual([
      ["echo", second],
      ["guide", first],
    ]);
    expect((await ledger.sender(OTHER_ROOM, { sender: UserId.parse("@bob:hs.test") })).pairs).toEqual(new Map());
  });
}

function peopleContract(make: Make): void {
  test.for<[name: string, members: [string, "join" | "invite" | "leave"][], has: boolean]>([
    ["no member", [], false],
    ["the user who is asked about", [["@alice:hs.test", "join"]], false],
    [
      "only our users",
      [
        ["@agent_a:hs.test", "join"],
        ["@troupe:hs.test", "join"],
      ],
      false,
    ],
    ["a user whose name begins like an agent's", [["@agent_+plus:hs.test", "join"]], true],
    ["a user who has left", [["@bob:hs.test", "leave"]], false],
    ["a user who is invited", [["@bob:hs.test", "invite"]], true],
    ["a user whose id sorts before the agents", [["@a:hs.test", "join"]], true],
    [
      "a user of another server with an agent's name",
      [
        ["@agent_a:hs.test", "join"],
        ["@agent_a:else.test", "join"],
      ],
      true,
    ],
    ["a user of a server whose name ends like ours", [["@agent_a:evil:hs.test", "join"]], true],
    ["another server's bot", [["@troupe:else.test", "join"]], true],
  ])("%s: others are there: $2", async ([, list, has]) => {
    const ledger = await make();
    await ledger.setMembers(
      ROOM,
      list.map(([id, membership]) => member(id, membership)),
    );
    await ledger.setMembers(OTHER_ROOM, [member("@bob:hs.test")]);
    expect(await ledger.hasPeople(ROOM, ALICE)).toBe(has);
  });

  test("that are ours are read page by page: agents, also retired ones, families' members and the bot", async () => {
    const ledger = await make();
    const others = [ghost("left", "leave"), member("@agent_a:else.test"), member("@troupe:else.test")];
    const ours = [ghost("a"), ghost("b"), ghost("c"), member("@troupe:hs.test")];
    await ledger.setMembers(ROOM, [...ours, ...others, member("@alice:hs.test")]);
    const first = await ledger.ghostsIn(ROOM, "", 2);
    expect(first).toEqual(["@agent_a:hs.test", "@agent_b:hs.test"]);
    expect(await ledger.ghostsIn(ROOM, first[1] ?? "", 2)).toEqual(["@agent_c:hs.test", "@troupe:hs.test"]);
    expect(await ledger.ghostsIn(ROOM, "@troupe:hs.test", 2)).toEqual([]);
    await ledger.setMembers(ROOM, [member("@troupe:hs.test", "invite"), ghost("UPPER"), ghost("z")]);
    expect(await ledger.ghostsIn(ROOM, "", 2)).toEqual(["@agent_z:hs.test"]);
  });
}
