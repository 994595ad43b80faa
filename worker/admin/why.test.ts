/** Explanations of verdicts, from a whole bridge. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";

let bridge: Composed;
beforeEach(async () => {
  bridge = await composed({ echo: { backend: { use: "echo" } } });
});
afterEach(() => bridge.close());

const get = async (path: string) => {
  const answer = await bridge.operator("GET", `/admin/${path}`);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

test("an event and the latest events of a room are explained", async () => {
  await bridge.joined("@alice:hs.test", "@agent_echo:hs.test");
  const [stranger, question] = [aMessage("hi", { sender: "@eve:evil.test" }), aMessage("hello")];
  await bridge.push(stranger, question);
  await vi.waitFor(() => expect(bridge.bodies()).toEqual(["echo hello"]));
  const why = await get(`events/${encodeURIComponent(stranger.event_id)}/why`);
  expect(why).toMatchObject({
    status: 200,
    body: { eventId: stranger.event_id, roomId: "!room", verdict: "not_permitted", about: "echo" },
  });
  expect(why.body["sentence"]).toBe(
    "The sender is not among the users echo may talk to (`dm` is `allowlist`). Add them to `users`, or say `!allow`.",
  );
  const all = await get(`rooms/${encodeURIComponent("!room")}/decisions`);
  expect(all.body["decisions"]).toMatchObject([
    { eventId: question.event_id, verdict: "wake_direct", sentence: expect.stringContaining("has been asked") },
    { eventId: stranger.event_id, verdict: "not_permitted" },
  ]);
  const latest = await get(`rooms/${encodeURIComponent("!room")}/decisions?limit=1`);
  expect(latest.body["decisions"]).toHaveLength(1);
});

test("an event without a verdict is explained as waiting", async () => {
  const event = aMessage("later");
  await bridge.ledger.accept({ events: [event], deadLetters: [], nowMs: Date.now() });
  const why = await get(`events/${encodeURIComponent(event.event_id)}/why`);
  expect(why.body).toMatchObject({ eventId: event.event_id, sentence: "It has no verdict yet." });
  expect(why.body).not.toHaveProperty("verdict");
});

test.for([
  ["events/$unknown/why", 404],
  ["events/nonsense/why", 404],
  ["rooms/nonsense/decisions", 400],
  ["rooms/!room/decisions?limit=0", 400],
  ["rooms/!room/decisions?limit=x", 400],
] as const)("%s is rejected with a sentence: %i", async ([path, status]) => {
  const answer = await get(path);
  expect([answer.status, answer.body["errors"]]).toEqual([status, [expect.stringMatching(/.+/)]]);
});
