/** Which messages are parts of one conversation. Named after what was mixed up, or torn apart, elsewhere. */
import { describe, expect, test } from "vitest";
import { Dice } from "#testing/chance.ts";
import { AgentId, EventId, RoomId, UserId } from "../protocol/ids.ts";
import { answerThread, type Conversation, epochScope, sessionKey, sessionScope } from "./session.ts";

type Mode = "off" | "inbound" | "always";
type Scope = "room" | "thread" | "user" | "thread+user";
interface Said {
  agent?: string;
  room?: string;
  sender?: string;
  event?: string;
  thread?: string;
  direct?: boolean;
  opened?: boolean;
  epoch?: number;
}
interface Set {
  scope?: Scope;
  dmScope?: Scope;
  threads?: Mode;
  dmThreads?: Mode;
}

const settingsOf = (set: Set) => ({
  scope: "thread" as const,
  dmScope: "thread" as const,
  threads: "inbound" as const,
  dmThreads: "inbound" as const,
  ...set,
});
const threadFor = ({ event = "$event", thread, direct = false }: Said, set: Set) => {
  const eventId = EventId.parse(event);
  const place = thread === undefined ? { eventId } : { eventId, thread: EventId.parse(thread) };
  return answerThread(place, direct, settingsOf(set));
};
const conversation = (said: Said, set: Set): Conversation => ({
  agent: { id: AgentId.parse(said.agent ?? "echo"), settings: settingsOf(set) },
  origin: RoomId.parse(said.room ?? "!room"),
  sender: UserId.parse(said.sender ?? "@alice:hs.test"),
  direct: said.direct ?? false,
  opened: said.opened ?? false,
  answersIn: threadFor(said, set),
});
const scopeOf = (said: Said, set: Set): string =>
  JSON.stringify(epochScope(sessionScope(conversation(said, set)), said.epoch ?? 0));
/** Whether two messages belong to one session, or to two. */
const relation = (one: Said, other: Said, set: Set): "one" | "two" =>
  scopeOf(one, set) === scopeOf(other, set) ? "one" : "two";

const BOB = "@bob:hs.test";

/** Pairs of messages, by how they stand to each other. */
const PAIRS = {
  outsideOfThreads: [{ event: "$1" }, { event: "$2" }],
  inOneThread: [
    { event: "$1", thread: "$a" },
    { event: "$2", thread: "$a" },
  ],
  inTwoThreads: [
    { event: "$1", thread: "$a" },
    { event: "$2", thread: "$b" },
  ],
  rootAndReply: [{ event: "$a" }, { event: "$2", thread: "$a" }],
  ofTwoUsers: [{ event: "$1" }, { event: "$2", sender: BOB }],
  ofTwoUsersInOneThread: [
    { event: "$1", thread: "$a" },
    { event: "$2", thread: "$a", sender: BOB },
  ],
} satisfies Record<string, [Said, Said]>;
type Pair = keyof typeof PAIRS;
const ALL = Object.keys(PAIRS) as Pair[];

describe("the pairs of messages that share a session", () => {
  const BOTH_THREADS: Pair[] = ["inOneThread", "ofTwoUsersInOneThread"];
  const OF_ONE_USER: Pair[] = ["outsideOfThreads", "inOneThread", "inTwoThreads", "rootAndReply"];
  const NOT_ACROSS: Pair[] = ["outsideOfThreads", "inOneThread", "ofTwoUsers", "ofTwoUsersInOneThread"];
  test.for<{ scope: Scope; threads: Mode; together: Pair[] }>([
    { scope: "room", threads: "off", together: ALL },
    { scope: "room", threads: "inbound", together: ALL },
    { scope: "room", threads: "always", together: ALL },
    { scope: "thread", threads: "off", together: ALL },
    { scope: "thread", threads: "inbound", together: NOT_ACROSS },
    { scope: "thread", threads: "always", together: ["rootAndReply", ...BOTH_THREADS] },
    { scope: "user", threads: "off", together: OF_ONE_USER },
    { scope: "user", threads: "inbound", together: OF_ONE_USER },
    { scope: "user", threads: "always", together: OF_ONE_USER },
    { scope: "thread+user", threads: "off", together: OF_ONE_USER },
    { scope: "thread+user", threads: "inbound", together: ["outsideOfThreads", "inOneThread"] },
    { scope: "thread+user", threads: "always", together: ["inOneThread", "rootAndReply"] },
  ])("with scope $scope and threads $threads: $together", ({ scope, threads, together }) => {
    const expected = ALL.filter((pair) => together.includes(pair));
    const sharing = (over: Said, set: Set) =>
      ALL.filter((pair) => {
        const [one, other]: [Said, Said] = PAIRS[pair];
        return relation({ ...one, ...over }, { ...other, ...over }, set) === "one";
      });
    expect(sharing({}, { scope, threads })).toEqual(expected);
    // Direct chats follow their own two settings, and the room's have no effect there.
    const direct = { dmScope: scope, dmThreads: threads, scope: "user", threads: "off" } as const;
    expect(sharing({ direct: true }, direct)).toEqual(expected);
  });
});

const SCOPES: Scope[] = ["room", "thread", "user", "thread+user"];
const MODES: Mode[] = ["off", "inbound", "always"];
const SETS = SCOPES.flatMap((scope) =>
  MODES.map((threads): Set => ({ scope, threads, dmScope: scope, dmThreads: threads })),
);
const named = SETS.map((set): [string, Set] => [`scope ${set.scope}, threads ${set.threads}`, set]);

describe("whatever is set, a conversation never leaves", () => {
  test.for(named)("its room: %s (OpenClaw #7718: a room of two in the main session)", ([, set]) => {
    expect(relation({ room: "!a" }, { room: "!b" }, set)).toBe("two");
    expect(relation({ room: "!a", thread: "$t" }, { room: "!b", thread: "$t" }, set)).toBe("two");
    expect(relation({ room: "!a", direct: true }, { room: "!b", direct: true }, set)).toBe("two");
    expect(relation({ room: "!a", direct: true }, { room: "!b" }, set)).toBe("two");
  });
  test.for(named)("its agent: %s", ([, set]) => {
    expect(relation({ agent: "echo" }, { agent: "guide" }, set)).toBe("two");
    expect(relation({ agent: "echo", direct: true }, { agent: "guide", direct: true }, set)).toBe("two");
    expect(relation({ agent: "ticket_1" }, { agent: "ticket_2" }, set)).toBe("two");
  });
  test.for(named)("its time before !new: %s", ([, set]) => {
    expect(relation({ epoch: 0 }, { epoch: 1 }, set)).toBe("two");
    expect(relation({ epoch: 1 }, { epoch: 2 }, set)).toBe("two");
    expect(relation({ epoch: 2 }, { epoch: 2 }, set)).toBe("one");
  });
  test.for(named)("itself: the same message is always in the same one: %s", ([, set]) => {
    for (const said of [{}, { thread: "$t" }, { direct: true }, { direct: true, thread: "$t" }]) {
      expect(relation(said, { ...said }, set)).toBe("one");
    }
  });
});

describe("no bleed, and nothing torn apart", () => {
  test.for<[name: string, one: Said, other: Said, set: Set, expected: "one" | "two"]>([
    ["OpenClaw #8149, #13515, #57995: a thread has a conversation of its own", { thread: "$a" }, {}, {}, "two"],
    [
      "OpenClaw #71738, nanobot #5275, cc-connect #1717: two threads share nothing",
      { thread: "$a" },
      { thread: "$b" },
      {},
      "two",
    ],
    [
      "OpenClaw #79514: two direct chats with one person share nothing",
      { room: "!a", direct: true },
      { room: "!b", direct: true },
      {},
      "two",
    ],
    [
      "OpenClaw #61373: nor where the scope is the person",
      { room: "!a", direct: true },
      { room: "!b", direct: true },
      { dmScope: "user" },
      "two",
    ],
    [
      "OpenClaw #87307: the answer in a thread is in its question's conversation",
      { event: "$q" },
      { event: "$2", thread: "$q" },
      { threads: "always" },
      "one",
    ],
    ["OpenClaw #75670: ids are told apart by case", { thread: "$lSTsAlY" }, { thread: "$lstsaly" }, {}, "two"],
    ["OpenClaw #75670: so are rooms", { room: "!Room" }, { room: "!room" }, {}, "two"],
    [
      "Hermes #78034: replies in one thread go on with one conversation",
      { event: "$1", thread: "$t" },
      { event: "$2", thread: "$t" },
      {},
      "one",
    ],
    ["Hermes #59441: scope room is the room, in and out of threads", { thread: "$a" }, {}, { scope: "room" }, "one"],
    [
      "Hermes dm_auto_thread: a direct chat's thread is its own, as it is set",
      { direct: true, thread: "$a" },
      { direct: true },
      {},
      "two",
    ],
    [
      "Hermes group_sessions_per_user: two people in a room share it, where nothing is set",
      {},
      { sender: BOB },
      {},
      "one",
    ],
    [
      "Hermes group_sessions_per_user: two people share nothing, where it is set so",
      {},
      { sender: BOB },
      { scope: "user" },
      "two",
    ],
    [
      "ZeroClaw #6525: one message after the other in a room is one conversation",
      { event: "$1" },
      { event: "$2" },
      {},
      "one",
    ],
    [
      "ZeroClaw (its key has the sender in it): a thread's conversation is not its sender's alone",
      { thread: "$a" },
      { thread: "$a", sender: BOB },
      {},
      "one",
    ],
    [
      "ZeroClaw #7700: the root and what follows are one, where answers open threads",
      { event: "$r" },
      { event: "$2", thread: "$r" },
      { threads: "always" },
      "one",
    ],
    ["a thread is one in its room only", { room: "!a", thread: "$t" }, { room: "!b", thread: "$t" }, {}, "two"],
    [
      "cc-connect (it cuts keys at `:@`): a room of version 12 has no server to be cut at",
      { room: "!31hneApxJ_1o" },
      { room: "!31hneApxJ_1o:hs.test" },
      { scope: "user" },
      "two",
    ],
  ])("%s", ([, one, other, set, expected]) => expect(relation(one, other, set)).toBe(expected));

  test("a room that was replaced goes on where it began, for that is what its origin says", () => {
    expect(relation({ room: "!first", event: "$1" }, { room: "!first", event: "$2" }, {})).toBe("one");
  });
});

describe("the answer goes", () => {
  test.for<[name: string, said: Said, set: Set, thread: string | undefined]>([
    ["off, from a thread", { thread: "$t" }, { threads: "off" }, undefined],
    ["off, from the room", {}, { threads: "off" }, undefined],
    ["inbound, from a thread", { thread: "$t" }, { threads: "inbound" }, "$t"],
    ["inbound, from the room", {}, { threads: "inbound" }, undefined],
    ["always, from a thread", { thread: "$t" }, { threads: "always" }, "$t"],
    ["always, from the room", { event: "$q" }, { threads: "always" }, "$q"],
    [
      "in a direct chat by its own setting: always",
      { event: "$q", direct: true },
      { threads: "off", dmThreads: "always" },
      "$q",
    ],
    [
      "in a direct chat by its own setting: off",
      { thread: "$t", direct: true },
      { threads: "always", dmThreads: "off" },
      undefined,
    ],
    ["in a room by the room's: always", { event: "$q" }, { threads: "always", dmThreads: "off" }, "$q"],
  ])("%s", ([, said, set, thread]) => expect(threadFor(said, set)).toBe(thread));
});

/** Ids out of few letters, so that they come close to each other; each kind with the sign it begins with. */
function aSaid(dice: Dice): Required<Pick<Said, "agent" | "room" | "sender" | "event">> & Said {
  const some = () => Array.from({ length: 1 + dice.below(3) }, () => dice.pick(["$", "a", "@", '"'])).join("");
  const agent = dice.pick(["a", "epoch"]);
  const thread = dice.oneIn(2) ? { thread: `$${some()}` } : {};
  return {
    agent,
    room: `!${some()}`,
    sender: `@a:${dice.pick(["a", "$a"])}`,
    event: `$${some()}`,
    ...thread,
    epoch: dice.below(2),
  };
}
/** What tells two sessions apart where scope is thread+user and answers stay where the question is. */
const identity = ({ agent, room, sender, thread, epoch }: Said): string =>
  [agent, room, sender, thread ?? "none", epoch].map(String).map(encodeURIComponent).join("\n");

describe("ids of one kind", () => {
  test("can never be taken for another's: equal scopes are equal in each part", () => {
    const set: Set = { scope: "thread+user" };
    const seen = new Map<string, string>();
    for (let seed = 1; seed <= 5_000; seed++) {
      const said = aSaid(new Dice(seed));
      const known = seen.get(scopeOf(said, set)) ?? identity(said);
      expect(identity(said)).toBe(known);
      seen.set(scopeOf(said, set), known);
    }
    const alike = new Set(Array.from({ length: 5_000 }, (_, at) => identity(aSaid(new Dice(at + 1)))));
    expect(seen.size).toBe(alike.size);
  });

  test("of one scope are no ids of another's either, but where nothing tells them apart", () => {
    const scopes = SCOPES.map((scope) => scopeOf({ thread: "$t" }, { scope }));
    expect(new Set(scopes).size).toBe(4);
  });

  test("have their places, and those who are away leave theirs: the digests of these are kept", () => {
    const scopes = SCOPES.map((scope) => sessionScope(conversation({ thread: "$t" }, { scope })));
    expect(scopes).toEqual([
      ["session", "echo", "!room", ""],
      ["session", "echo", "!room", "$t"],
      ["session", "echo", "!room", "", "@alice:hs.test"],
      ["session", "echo", "!room", "$t", "@alice:hs.test"],
    ]);
    expect(epochScope(scopes[0] ?? [], 3)).toEqual(["epoch", "3", "session", "echo", "!room", ""]);
  });

  test("before the first !new are none of those after it", () => {
    const [first, after] = [sessionScope(conversation({}, {})), epochScope(sessionScope(conversation({}, {})), 1)];
    expect(first[0]).not.toBe(after[0]);
    expect(epochScope(first, 0)).toEqual(first);
    expect(epochScope(first, 1)).not.toEqual(epochScope(first, 11));
  });
});

describe("a key", () => {
  test.for<[name: string, agent: string, digest: string, key: string]>([
    ["has the agent in it, for people", "echo", "abcdefghijklmnopqrstuvwxyz", "mx.echo.abcdefghijklmnopqrst"],
    ["has no =", "a=b", "0123456789012345678901", "mx.a-b.01234567890123456789"],
  ])("%s", ([, agent, digest, key]) => expect(sessionKey(AgentId.parse(agent), digest)).toBe(key));

  test("has at most 128 characters", () => {
    expect(sessionKey(AgentId.parse("a".repeat(128)), "d".repeat(32))).toHaveLength(128);
  });
  test("shows no room and no person", () => {
    const key = sessionKey(AgentId.parse("echo"), "digest");
    expect(key).not.toMatch(/[!@$:]/);
  });
});

test("a direct chat somebody else has come to begins anew: they hear nothing of before", () => {
  expect(relation({ direct: true }, { opened: true }, {})).toBe("two");
  expect(relation({ direct: true }, { opened: true, sender: "@bob:hs.test" }, {})).toBe("two");
  expect(relation({ opened: true }, { opened: true, sender: "@bob:hs.test" }, {})).toBe("one");
});
