/** Which messages are in one session. Rows are named after bugs of other bridges, which mixed conversations or split them. */
import { describe, expect, test } from "vitest";
import { BOB, type Mode, relation, type Said, SCOPES, type Scope, type SessionSettings } from "#testing/sessions.ts";

/** Pairs of messages. `two users` and the next one are the same pairs with another sender. */
const PAIRS: Record<string, [one: Said, other: Said]> = {
  "outside of threads": [{ event: "$1" }, { event: "$2" }],
  "in one thread": [
    { event: "$1", thread: "$a" },
    { event: "$2", thread: "$a" },
  ],
  "in two threads": [
    { event: "$1", thread: "$a" },
    { event: "$2", thread: "$b" },
  ],
  "root and its thread": [{ event: "$a" }, { event: "$2", thread: "$a" }],
  "two users": [{ event: "$1" }, { event: "$2", sender: BOB }],
  "two users in one thread": [
    { event: "$1", thread: "$a" },
    { event: "$2", thread: "$a", sender: BOB },
  ],
};

describe("in a room, two messages are in one session, except", () => {
  const users = ["two users", "two users in one thread"];
  test.for<[scope: Scope, threads: Mode, apart: string[]]>([
    ["room", "off", []],
    ["room", "inbound", []],
    ["room", "always", []],
    ["thread", "off", []],
    ["thread", "inbound", ["in two threads", "root and its thread"]],
    ["thread", "always", ["outside of threads", "in two threads", "two users"]],
    ["user", "off", users],
    ["user", "inbound", users],
    ["user", "always", users],
    ["thread+user", "off", users],
    ["thread+user", "inbound", ["in two threads", "root and its thread", ...users]],
    ["thread+user", "always", ["outside of threads", "in two threads", ...users]],
  ])("with scope %s and threads %s: %j", ([scope, threads, apart]) => {
    const areApart = (set: SessionSettings, over: Said = {}) =>
      Object.entries(PAIRS)
        .filter(([, [one, other]]) => relation({ ...one, ...over }, { ...other, ...over }, set) === "two")
        .map(([name]) => name);
    expect(areApart({ scope, threads })).toEqual(apart);
    // A direct chat follows its own two settings alone, and is never shared by two users.
    const direct: SessionSettings = { dmScope: scope, dmThreads: threads, scope: "room", threads: "off" };
    expect(areApart(direct, { direct: true })).toEqual([...new Set([...apart, ...users])]);
  });
});

const MODES: Mode[] = ["off", "inbound", "always"];
const SETS = SCOPES.flatMap((scope) =>
  MODES.map((threads): SessionSettings => ({ scope, threads, dmScope: scope, dmThreads: threads })),
);
const named = SETS.map((set): [string, SessionSettings] => [`scope ${set.scope}, threads ${set.threads}`, set]);

describe("with every setting, a session stays within", () => {
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
  test.for(named)("the time before or after !new: %s", ([, set]) => {
    expect(relation({ epoch: 0 }, { epoch: 1 }, set)).toBe("two");
    expect(relation({ epoch: 1 }, { epoch: 2 }, set)).toBe("two");
    expect(relation({ epoch: 2 }, { epoch: 2 }, set)).toBe("one");
  });
  test.for(named)("itself, so a message is always in the same session: %s", ([, set]) => {
    for (const said of [{}, { thread: "$t" }, { direct: true }, { direct: true, thread: "$t" }]) {
      expect(relation(said, { ...said }, set)).toBe("one");
    }
  });
});

describe("sessions are neither mixed nor split", () => {
  test.for<[name: string, one: Said, other: Said, set: SessionSettings, expected: "one" | "two"]>([
    ["OpenClaw #8149, #13515, #57995: a thread has a conversation of its own", { thread: "$a" }, {}, {}, "two"],
    [
      "OpenClaw #71738, nanobot #5275, cc-connect #1717: two threads share nothing",
      { thread: "$a" },
      { thread: "$b" },
      {},
      "two",
    ],
    [
      "OpenClaw #79514: two direct chats with one user share nothing",
      { room: "!a", direct: true },
      { room: "!b", direct: true },
      {},
      "two",
    ],
    [
      "OpenClaw #61373: nor with dmScope: user",
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
      "Hermes dm_auto_thread: a direct chat's thread has a session of its own",
      { direct: true, thread: "$a" },
      { direct: true },
      {},
      "two",
    ],
    ["Hermes group_sessions_per_user: two users in a room share a session by default", {}, { sender: BOB }, {}, "one"],
    [
      "Hermes group_sessions_per_user: two users share nothing with scope: user",
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

  test("a room that replaced another keeps its sessions, because it has the same origin", () => {
    expect(relation({ room: "!first", event: "$1" }, { room: "!first", event: "$2" }, {})).toBe("one");
  });
});

test("a direct chat that another user has joined is a new session, so that they never see the private history", () => {
  expect(relation({ direct: true }, { opened: true }, {})).toBe("two");
  expect(relation({ direct: true }, { opened: true, sender: "@bob:hs.test" }, {})).toBe("two");
  expect(relation({ opened: true }, { opened: true, sender: "@bob:hs.test" }, {})).toBe("one");
});
