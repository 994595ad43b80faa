/** The thread of an answer, and that two sessions never have the same key. */
import { describe, expect, test } from "vitest";
import { Dice } from "#testing/chance.ts";
import { conversation, type Said, SCOPES, type SessionSettings, scopeOf, threadFor } from "#testing/sessions.ts";
import { AgentId } from "../protocol/ids.ts";
import { epochScope, formerScope, sessionKey, sessionScope } from "./session.ts";

describe("the thread of an answer", () => {
  test.for<[name: string, said: Said, set: SessionSettings, thread: string | undefined]>([
    ["is none with threads: off, to a question in a thread", { thread: "$t" }, { threads: "off" }, undefined],
    ["is none with threads: off, to a question in the room", {}, { threads: "off" }, undefined],
    ["is the question's with threads: inbound", { thread: "$t" }, { threads: "inbound" }, "$t"],
    ["is none with threads: inbound, to a question in the room", {}, { threads: "inbound" }, undefined],
    ["is the question's with threads: always", { thread: "$t" }, { threads: "always" }, "$t"],
    ["begins at the question with threads: always", { event: "$q" }, { threads: "always" }, "$q"],
    [
      "begins at the question in a direct chat with dmThreads: always",
      { event: "$q", direct: true },
      { threads: "off", dmThreads: "always" },
      "$q",
    ],
    [
      "is none in a direct chat with dmThreads: off",
      { thread: "$t", direct: true },
      { threads: "always", dmThreads: "off" },
      undefined,
    ],
    ["ignores dmThreads in a room", { event: "$q" }, { threads: "always", dmThreads: "off" }, "$q"],
  ])("%s", ([, said, set, thread]) => expect(threadFor(said, set)).toBe(thread));
});

/** Ids of few letters, so that many are alike. */
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
/** What distinguishes sessions with scope thread+user and threads: inbound. */
const identity = ({ agent, room, sender, thread, epoch }: Said): string =>
  [agent, room, sender, thread ?? "none", epoch].map(String).map(encodeURIComponent).join("\n");

describe("ids of one kind", () => {
  test("are never taken for ids of another kind: equal scopes are equal in each part", () => {
    const set: SessionSettings = { scope: "thread+user" };
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

  test("make different scopes for each setting of `scope`", () => {
    const scopes = SCOPES.map((scope) => scopeOf({ thread: "$t" }, { scope }));
    expect(new Set(scopes).size).toBe(4);
  });

  test("have fixed places, because digests of these lists are stored", () => {
    const scopes = SCOPES.map((scope) => sessionScope(conversation({ thread: "$t" }, { scope })));
    expect(scopes).toEqual([
      ["session", "echo", "!room", ""],
      ["session", "echo", "!room", "$t"],
      ["session", "echo", "!room", "", "@alice:hs.test"],
      ["session", "echo", "!room", "$t", "@alice:hs.test"],
    ]);
    const direct = SCOPES.map((dmScope) => conversation({ thread: "$t", direct: true }, { dmScope }));
    expect(direct.map(sessionScope)).toEqual([
      ["session", "echo", "!room", "", "@alice:hs.test"],
      ["session", "echo", "!room", "$t", "@alice:hs.test"],
      ["session", "echo", "!room", "", "@alice:hs.test"],
      ["session", "echo", "!room", "$t", "@alice:hs.test"],
    ]);
    expect(direct.map(formerScope)).toEqual([
      ["session", "echo", "!room", ""],
      ["session", "echo", "!room", "$t"],
      undefined,
      undefined,
    ]);
    expect(formerScope(conversation({ thread: "$t" }, {}))).toBeUndefined();
    expect(epochScope(scopes[0] ?? [], 3)).toEqual(["epoch", "3", "session", "echo", "!room", ""]);
  });

  test("before the first !new make other scopes than after it", () => {
    const [first, after] = [sessionScope(conversation({}, {})), epochScope(sessionScope(conversation({}, {})), 1)];
    expect(first[0]).not.toBe(after[0]);
    expect(epochScope(first, 0)).toEqual(first);
    expect(epochScope(first, 1)).not.toEqual(epochScope(first, 11));
  });
});

describe("a session's key", () => {
  test.for<[name: string, agent: string, digest: string, key: string]>([
    ["contains the agent's id, for operators", "echo", "abcdefghijklmnopqrstuvwxyz", "mx.echo.abcdefghijklmnopqrst"],
    ["has no =", "a=b", "0123456789012345678901", "mx.a-b.01234567890123456789"],
  ])("%s", ([, agent, digest, key]) => expect(sessionKey(AgentId.parse(agent), digest)).toBe(key));

  test("has at most 128 characters", () => {
    expect(sessionKey(AgentId.parse("a".repeat(128)), "d".repeat(32))).toHaveLength(128);
  });
  test("contains no room id and no user id", () => {
    const key = sessionKey(AgentId.parse("echo"), "digest");
    expect(key).not.toMatch(/[!@$:]/);
  });
});
