import { describe, expect, test } from "vitest";
import { anEvent } from "#testing/events.ts";
import { AgentId, agentOfGhost, ghostUserId, isOurs, RoomId, splitUserId, UserId } from "./ids.ts";
import { parseTransaction } from "./transaction.ts";

const NAMESPACE = { serverName: "hs.test:8448", ghostPrefix: "agent_", botLocalpart: "troupe" };
const user = (id: string) => UserId.parse(id);

describe("ids", () => {
  test("a user id splits at its first colon", () => {
    expect(splitUserId(user("@a:hs.test:8448"))).toEqual(["a", "hs.test:8448"]);
  });
  test("a room id needs no server", () => expect(RoomId.safeParse("!TKsN_l7F4wIrO7l4j8rm").success).toBe(true));
  test.for([["a:hs.test"], ["@a"], ["@a:"], [`@${"a".repeat(300)}:hs.test`], [7]])("%s is no user id", ([id]) => {
    expect(UserId.safeParse(id).success).toBe(false);
  });
  test.for([
    ["@agent_echo:hs.test:8448", true, "echo"],
    ["@troupe:hs.test:8448", true, undefined],
    ["@agent_:hs.test:8448", true, undefined],
    ["@agent_echo:hs.test", false, undefined],
    ["@agent_echo:evil.test", false, undefined],
    ["@alice:hs.test:8448", false, undefined],
  ] as const)("%s is ours: %s", ([id, ours, agent]) => {
    expect([isOurs(NAMESPACE, user(id)), agentOfGhost(NAMESPACE, user(id))]).toEqual([ours, agent]);
  });
  test("an agent's ghost names the agent again", () => {
    expect(agentOfGhost(NAMESPACE, ghostUserId(NAMESPACE, AgentId.parse("a.b=c-d_1")))).toBe("a.b=c-d_1");
  });
});

describe("a transaction", () => {
  test.for([[null], [[]], ["x"], [{}], [{ events: {} }]])("%j is not a transaction", ([body]) => {
    expect(parseTransaction(body)).toMatchObject({ ok: false });
  });
  test.for<[name: string, raw: unknown, path: string]>([
    ["no object", 5, ""],
    ["no event id", { ...anEvent(), event_id: undefined }, "event_id"],
    ["a sender that is no user id", { ...anEvent(), sender: "alice" }, "sender"],
    ["content that is no object", { ...anEvent(), content: [] }, "content"],
    ["a nested array", [[[[]]]], ""],
  ])("keeps the events around one with %s", ([, raw, path]) => {
    const [before, after] = [anEvent(), anEvent()];
    const parsed = parseTransaction({ events: [before, raw, after] });
    expect(parsed).toMatchObject({ ok: true, value: { events: [before, after], unreadable: [{ index: 1, path }] } });
  });
  test("takes floats, odd ages and unknown keys as they come", () => {
    const odd = {
      ...anEvent(),
      unsigned: { age: "old" },
      content: { body: 0.5, deep: { "m.x": [1e300] } },
      extra: true,
    };
    expect(parseTransaction({ events: [odd] })).toMatchObject({
      ok: true,
      value: { events: [{ content: odd.content }] },
    });
  });
  test("may have ephemeral data of any shape, which is dropped", () => {
    for (const ephemeral of [[{ type: "m.typing" }], "typing", null]) {
      const body = { events: [], ephemeral, "de.sorunome.msc2409.ephemeral": ephemeral };
      expect(parseTransaction(body)).toEqual({ ok: true, value: { events: [], unreadable: [] } });
    }
  });
});
