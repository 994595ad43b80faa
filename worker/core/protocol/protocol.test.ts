import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { anEvent } from "#testing/events.ts";
import { AgentId, agentOfGhost, ghostUserId, isOurs, RoomId, splitUserId, UserId } from "./ids.ts";
import { eventsIn, readSlice } from "./transaction.ts";

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
    // People whose names begin like our ghosts': the namespace does not keep them from registering.
    ["@agent_:hs.test:8448", false, undefined],
    ["@agent_+plus:hs.test:8448", false, undefined],
    ["@agent_/slash:hs.test:8448", false, undefined],
    [`@agent_${"a".repeat(129)}:hs.test:8448`, false, undefined],
    [`@agent_${"a".repeat(128)}:hs.test:8448`, true, "a".repeat(128)],
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
    expect(eventsIn(body)).toMatchObject({ ok: false });
  });
  test.for<[name: string, raw: unknown, path: string]>([
    ["no object", 5, ""],
    ["no event id", { ...anEvent(), event_id: undefined }, "event_id"],
    ["a sender that is no user id", { ...anEvent(), sender: "alice" }, "sender"],
    ["content that is no object", { ...anEvent(), content: [] }, "content"],
    ["a nested array", [[[[]]]], ""],
  ])("keeps the events around one with %s", ([, raw, path]) => {
    const [before, after] = [anEvent(), anEvent()];
    const slice = readSlice([before, raw, after], 0);
    expect(slice).toMatchObject({ events: [before, after], unreadable: [{ index: 1, path }], end: 3 });
  });
  test("takes floats, odd ages and unknown keys as they come", () => {
    const odd = {
      ...anEvent(),
      unsigned: { age: "old" },
      content: { body: 0.5, deep: { "m.x": [1e300] } },
      extra: true,
    };
    expect(readSlice([odd], 0)).toMatchObject({ events: [{ content: odd.content }] });
  });
  test("has its contents as they came, which are not copied: one may have thousands of keys", () => {
    const event = anEvent();
    expect(readSlice([event], 0).events[0]?.content).toBe(event.content);
  });
  test("is read in slices: of so many events, or of so many characters", () => {
    const many = Array.from({ length: BOUNDS.eventsInASlice.max + 3 }, () => anEvent());
    const first = readSlice(many, 0);
    expect([first.events.length, readSlice(many, first.end).events]).toEqual([first.end, many.slice(first.end)]);
    const body = "x".repeat(BOUNDS.eventSize.max / 2);
    const large = Array.from({ length: 30 }, () => anEvent({ content: { body } }));
    const { end } = readSlice(large, 0);
    expect(end).toBeLessThan(large.length);
    expect(end * body.length).toBeLessThan(BOUNDS.sliceSize.max + 2 * BOUNDS.eventSize.max);
  });
  test.for<[name: string, content: object]>([
    ["a text", { body: "x".repeat(BOUNDS.eventSize.max) }],
    ["many keys", Object.fromEntries(Array.from({ length: BOUNDS.eventSize.max / 8 }, (_, n) => [n, 1]))],
    ["a long list", { list: Array.from({ length: BOUNDS.eventSize.max / 4 }, () => 1) }],
  ])("keeps of an event that is too large by %s what names it", ([, content]) => {
    const { events, unreadable } = readSlice([anEvent({ event_id: "$large", content })], 0);
    expect(events).toEqual([]);
    expect(unreadable).toMatchObject([{ path: "it is too large" }]);
    expect(JSON.parse(unreadable[0]?.raw ?? "")).toMatchObject({ event_id: "$large", content: "…" });
  });
  test("may have ephemeral data of any shape, which is dropped", () => {
    for (const ephemeral of [[{ type: "m.typing" }], "typing", null]) {
      const body = { events: [], ephemeral, "de.sorunome.msc2409.ephemeral": ephemeral };
      expect(eventsIn(body)).toEqual({ ok: true, value: [] });
    }
  });
});
