/** What is asked of servers that do not take everything, from the question to the room and from turn to turn. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Clock } from "#ports/host.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage, anEvent } from "#testing/events.ts";
import { aSpec } from "#testing/ledger-rows.ts";
import { systemClock } from "./clock.ts";

const ALICE = "@alice:hs.test";
const HELPER = "@agent_helper:hs.test";
const MODEL = "http://model.test";
const WEEK_MS = 7 * 24 * 60 * 60_000;

interface Asked {
  messages: { role: string; content: string }[];
  [field: string]: unknown;
}
type Server = (asked: Asked, nth: number) => Response;

let world: Composed;
let closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing) close();
  closing = [];
});

const fine = (content = "the answer") =>
  new Response(
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`,
  );
const refused = (status: number, error: unknown) => new Response(JSON.stringify({ error }), { status });

/** A world whose agent has this server. Gives what the server was asked. */
async function against(server: Server, backend: object = {}, clock: Clock = systemClock) {
  world = await composed(
    { helper: { backend: { use: "openai", baseUrl: `${MODEL}/v1`, model: "m", ...backend } } },
    {},
    clock,
  );
  closing.push(world.close);
  const asked: Asked[] = [];
  const homeserver = world.server.fetch;
  world.server.fetch = async (input, init) => {
    const request = new Request(input, init);
    if (!request.url.startsWith(MODEL)) return homeserver(input, init);
    const body = (await request.json()) as Asked;
    asked.push(body);
    return server(body, asked.length);
  };
  await world.joined(ALICE, HELPER);
  return asked;
}

let questions = 0;
async function say(body: string): Promise<string> {
  const before = world.bodies().length;
  const event = { ...aMessage(body), event_id: `$question-${++questions}` };
  await world.push(event);
  await vi.waitFor(() => expect(world.bodies().length).toBeGreaterThan(before), { timeout: 15_000, interval: 20 });
  await vi.waitFor(world.settled, { timeout: 4_000, interval: 20 });
  return event.event_id;
}
const last = () => world.bodies().at(-1);
const alternates = ({ messages }: Asked) => {
  const roles = messages.map(({ role }) => role).filter((role) => role !== "system");
  return roles.every((role, at) => role === (at % 2 === 0 ? "user" : "assistant"));
};

describe("kind 3, the history that is sent", () => {
  test("input 6: alternates after questions that were never answered", async () => {
    const asked = await against((body, nth) => {
      if (nth <= 3) return refused(500, { message: "gone" });
      return alternates(body)
        ? fine(`answer ${nth}`)
        : refused(400, { message: "Conversation roles must alternate user/assistant/user/assistant/..." });
    }, {});
    await say("first");
    for (const question of ["second", "third"]) {
      await say(question);
      expect(last()).toMatch(/^answer/);
    }
    const { messages } = asked.at(-1) ?? { messages: [] };
    expect(messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
    expect(messages[1]?.content).toMatch(/first[\s\S]*second/);
  }, 40_000);

  test("input 7: fits what the server holds: the oldest half goes, it is asked once more, and remembered", async () => {
    const tokens = ({ messages }: Asked) => messages.reduce((sum, { content }) => sum + content.length / 4, 0);
    let tooLong = 0;
    const asked = await against((body) => {
      if (tokens(body) <= 3_500) return fine("word ".repeat(540));
      tooLong++;
      return refused(400, { message: "too long", code: "context_length_exceeded" });
    });
    for (let nth = 1; nth <= 8; nth++) {
      await say(`question ${nth}`);
      expect(last()).toMatch(/^word/);
    }
    expect([tooLong, asked.length, asked.every(alternates)]).toEqual([1, 9, true]);
    expect(world.lines.filter((line) => line.startsWith("turn_failed"))).toEqual([]);
  }, 40_000);

  test("input 21: holds nothing that was taken back, on both sides", async () => {
    const asked = await against((_body, nth) => fine(nth === 1 ? "your code is 4711" : "fine"));
    const question = await say("remember the code 4711");
    const answer = world.server.sent.find(({ content }) => content["body"] === "your code is 4711")?.eventId ?? "";
    await world.push(redaction(question), redaction(answer));
    await say("what else?");
    expect(JSON.stringify(asked.at(-1))).not.toMatch(/4711|redacted/);
    expect(asked.at(-1)?.messages.map(({ role }) => role)).toEqual(["system", "user"]);
  }, 20_000);

  test("does not hold an answer either whose question was taken back: it may repeat it", async () => {
    const asked = await against((_body, nth) => fine(nth === 1 ? "your code is 4711" : "fine"));
    await world.push(redaction(await say("remember the code 4711")));
    await say("what else?");
    expect(JSON.stringify(asked.at(-1))).not.toMatch(/4711|redacted/);
  }, 20_000);
});

const redaction = (redacts: string) =>
  anEvent({
    event_id: `$redaction-of-${redacts.slice(1)}`,
    type: "m.room.redaction",
    sender: ALICE,
    redacts,
    content: { redacts },
  });

describe("kind 5, what a server refuses is left out", () => {
  const noStreamOptions: Server = (body) =>
    "stream_options" in body ? new Response('{"detail":"Unprocessable"}', { status: 422 }) : fine();
  const noSystem: Server = ({ messages }) =>
    messages.some(({ role }) => role === "system") ? refused(400, { message: "System role not supported" }) : fine();

  test.for<[name: string, server: Server]>([
    ["input 13: stream_options, of which the server says nothing", noStreamOptions],
    [
      "input 13: stream_options, which the server names",
      (body) => ("stream_options" in body ? refused(422, { message: "Unknown field: stream_options" }) : fine()),
    ],
    ["input 29: the system message", noSystem],
    [
      "the system message, by a template that wants roles to alternate",
      ({ messages }) =>
        messages[0]?.role === "user" ? fine() : refused(500, { message: "Conversation roles must alternate" }),
    ],
  ])("%s: asked once more without it, and never again with it", async ([, server]) => {
    const asked = await against(server);
    await say("one");
    expect([last(), asked.length]).toEqual(["the answer", 2]);
    await say("two");
    expect([last(), asked.length]).toEqual(["the answer", 3]);
    expect(world.lines.filter((line) => line.startsWith("turn_failed"))).toEqual([]);
    expect(world.lines.filter((line) => line.startsWith("backend_learnt"))).toHaveLength(1);
  });

  test("inputs 13 and 29, by a setting: asked once", async () => {
    const asked = await against(
      (body, nth) => {
        const first = noSystem(body, nth);
        return first.ok ? noStreamOptions(body, nth) : first;
      },
      { streamOptions: false, systemRole: false },
    );
    await say("one");
    expect([last(), asked.length]).toEqual(["the answer", 1]);
    expect(asked[0]?.messages[0]?.content).toMatch(/^You are an assistant[\s\S]*one/);
  });

  test("max_tokens for max_completion_tokens, and the temperature", async () => {
    const asked = await against(
      (body) => {
        if ("max_tokens" in body) {
          const message =
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
          return refused(400, { message, param: "max_tokens", code: "unsupported_parameter" });
        }
        return "temperature" in body
          ? refused(400, {
              message: "Unsupported value: 'temperature' does not support 0.5 with this model.",
              param: "temperature",
            })
          : fine();
      },
      { maxTokens: 500, temperature: 0.5 },
    );
    await say("one");
    expect([last(), asked.length, asked.at(-1)?.["max_completion_tokens"]]).toEqual(["the answer", 3, 500]);
    await say("two");
    expect(asked).toHaveLength(4);
  });

  test("until the settings change, or a week has passed", async () => {
    let aheadMs = 0;
    const asked = await against(noSystem, {}, { ...systemClock, now: () => systemClock.now() + aheadMs });
    await say("one");
    await world.app.applyConfiguration(configured({ historyTokens: 500 }));
    await say("two");
    expect(asked).toHaveLength(4);
    await world.app.applyConfiguration(configured({}));
    await say("three");
    expect(asked).toHaveLength(5);
    aheadMs = WEEK_MS + 60_000;
    await say("four");
    expect(asked).toHaveLength(7);
  }, 20_000);

  test("a guess that was wrong is not remembered", async () => {
    const asked = await against(() => refused(400, { message: "no" }));
    await say("one");
    await say("two");
    expect(asked.map((body) => "stream_options" in body)).toEqual([true, false, true, false]);
  });
});

describe("kind 5, `troupe agent show`", () => {
  const shown = async (query = "", id = "helper") =>
    (await (await world.operator("GET", `/admin/agents/${id}${query}`)).json()) as {
      settings: { key: string; value: unknown; layer: string }[];
      [field: string]: unknown;
    };

  test("shows what was learnt, the last error, and no secret", async () => {
    await against(
      ({ messages }, nth) => {
        if (nth > 2) return refused(401, { message: "Incorrect API key provided" });
        return messages[0]?.role === "system" ? refused(400, { message: "System role not supported" }) : fine();
      },
      { baseUrl: `${MODEL}/v1?key=very-secret` },
    );
    expect(await shown()).not.toHaveProperty("learnt");
    await say("one");
    expect(await shown()).toMatchObject({ learnt: { leftOut: ["system_role"], atMs: expect.any(Number) } });
    expect(await shown()).not.toHaveProperty("lastError");
    await say("two");
    const all = await shown();
    expect(all).toMatchObject({ lastError: { reason: expect.stringContaining("Incorrect API key") } });
    expect(JSON.stringify(all)).not.toContain("very-secret");
  });

  test("shows each setting with the layer that it comes from", async () => {
    await against(() => fine());
    const agents = [
      aSpec("helper", { mention: false, turns: { queue: 7 } }),
      aSpec("t_*", { prompt: "of the family" }),
    ];
    const rooms = { "!main": { prompt: "of the room", agents: { helper: { context: 3 } } } };
    await world.app.applyConfiguration({ defaults: { mention: true, hops: 2 }, groups: {}, agents, rooms });
    const layersOf = async (query: string, id?: string) =>
      Object.fromEntries((await shown(query, id)).settings.map(({ key, value, layer }) => [key, [value, layer]]));
    expect(await layersOf("")).toMatchObject({
      mention: [false, "agents.helper"],
      hops: [2, "defaults"],
      "turns.queue": [7, "agents.helper"],
      prompt: ["", "preset"],
    });
    expect(await layersOf("?room=!main")).toMatchObject({
      prompt: ["of the room", "rooms.!main"],
      context: [3, "rooms.!main.agents.helper"],
    });
    for (const id of ["t_1", encodeURIComponent("t_*")]) {
      expect(await layersOf("", id)).toMatchObject({ prompt: ["of the family", "agents.t_*"] });
    }
    expect((await world.operator("GET", "/admin/agents/nobody")).status).toBe(404);
  });
});

const configured = (backend: object) => ({
  defaults: {},
  groups: {},
  rooms: {},
  agents: [aSpec("helper", { backend: { use: "openai", baseUrl: `${MODEL}/v1`, model: "m", ...backend } })],
});

test("kind 11, input 17: leading blanks are no part of an answer", async () => {
  const deltas = ["\n\n", " Hello", " there."].map(
    (content) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`,
  );
  await against(() => new Response(`${deltas.join("")}data: [DONE]\n\n`));
  await say("hello");
  expect(last()).toBe("Hello there.");
});
