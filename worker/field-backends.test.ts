/** Answers of servers that are OpenAI's only nearly, from the question to the room. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { ErrorCode } from "#core/turn/backend.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";

const ALICE = "@alice:hs.test";
const HELPER = "@agent_helper:hs.test";
const MODEL = "http://model.test";

let world: Composed;
afterEach(() => world.close());

/** Asks an agent whose server gives these answers in turn, the last one again and again. */
async function asked(answers: readonly (() => Response)[], path = "/v1") {
  const backend = { use: "openai", baseUrl: `${MODEL}${path}`, model: "m" };
  world = await composed({ helper: { backend } });
  let requests = 0;
  const homeserver = world.server.fetch;
  world.server.fetch = async (input, init) => {
    if (!new Request(input, init).url.startsWith(MODEL)) return homeserver(input, init);
    const answer = answers[Math.min(requests, answers.length - 1)];
    requests++;
    return answer?.() ?? Response.error();
  };
  await world.joined(ALICE, HELPER);
  await world.push(aMessage("a question"));
  await vi.waitFor(() => expect(world.bodies().length).toBeGreaterThan(0), { timeout: 8_000, interval: 20 });
  await vi.waitFor(world.settled, { timeout: 4_000, interval: 20 });
  return { last: world.bodies().at(-1), requests, log: world.lines.filter((line) => line.startsWith("turn_failed")) };
}

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const DONE = "data: [DONE]\n\n";
const answer =
  (body: string, status = 200, type = "text/event-stream") =>
  () =>
    new Response(body, { status, headers: { "content-type": type } });

describe("kind 1, input 8: a record that nobody knows does not spoil an answer, which is asked for once:", () => {
  const before = chunk({ content: "the whole " });
  const after = `${chunk({ content: "answer" }, "stop")}${DONE}`;
  test.for<[name: string, body: string]>([
    [
      "a count of tokens without choices",
      'data: {"id":"c","object":"chat.completion.chunk","usage":{"total_tokens":8}}\n\n',
    ],
    ["progress of a tool", 'event: tool.progress\ndata: {"tool":"search","pct":50}\n\n'],
    ["an empty record", "data:\n\n"],
  ])("%s", async ([, record]) => {
    for (const body of [`${before}${record}${after}`, `${before}${after}${record}`, `${record}${before}${after}`]) {
      expect(await asked([answer(body)])).toMatchObject({ last: "the whole answer", requests: 1, log: [] });
      world.close();
    }
  });
});

describe("kind 2, what ends an answer:", () => {
  test("input 9: [DONE] without a finish reason", async () => {
    const body = `${chunk({ content: "the whole " })}${chunk({ content: "answer" })}${DONE}`;
    expect(await asked([answer(body)])).toMatchObject({ last: "the whole answer", requests: 1 });
  });
  test("input 10: a whole completion, although a stream was asked for", async () => {
    const body = JSON.stringify({ choices: [{ index: 0, message: { content: "the answer" }, finish_reason: "stop" }] });
    expect(await asked([answer(body, 200, "application/json")])).toMatchObject({ last: "the answer", requests: 1 });
  });
  test("input 14: the limit is reached by nothing but thoughts", async () => {
    const body = `${chunk({ reasoning_content: "hm" })}${chunk({}, "length")}${DONE}`;
    const { last, requests, log } = await asked([answer(body)]);
    expect([last, requests]).toEqual([expect.stringMatching(/limit .* was reached/), 1]);
    expect(log.join()).toContain("raise the server's limit");
  });
  test("input 14: the answer was filtered", async () => {
    const { last, requests, log } = await asked([answer(`${chunk({}, "content_filter")}${DONE}`)]);
    expect([last, requests]).toEqual([expect.stringContaining("filtered"), 1]);
    expect(log.join()).toContain("A filter of the server");
  });
  test("a tool that was not offered is called", async () => {
    const call = { index: 0, id: "1", type: "function", function: { name: "search", arguments: "{}" } };
    const { last, requests } = await asked([
      answer(`${chunk({ tool_calls: [call] })}${chunk({}, "tool_calls")}${DONE}`),
    ]);
    expect([last, requests]).toEqual([expect.stringContaining("a tool that I do not offer"), 1]);
  });
  test("a refusal is said, and one without words has a sentence", async () => {
    const body = `${chunk({ refusal: "I will not." })}${chunk({}, "stop")}${DONE}`;
    expect(await asked([answer(body)])).toMatchObject({ last: "I will not.", requests: 1 });
    world.close();
    const { last, requests } = await asked([answer(`${chunk({}, "refusal")}${DONE}`)]);
    expect([last, requests]).toEqual([expect.stringContaining("declines"), 1]);
  });
});

describe("kind 4, each cause has a sentence for the room and one for the operator, and is not asked again:", () => {
  const json = (status: number, message: string, more: object = {}) =>
    answer(JSON.stringify({ error: { message, ...more } }), status, "application/json");
  test.for<[name: string, code: ErrorCode, answer: () => Response, room: RegExp, operator: RegExp]>([
    ["input 16: a wrong address", "bad_address", answer("404 page not found", 404), /address/, /`baseUrl`.*\/v1/],
    ["a page of another server", "bad_address", answer("<!doctype html><title>Hi</title>"), /address/, /`baseUrl`/],
    ["a wrong key", "auth", json(401, "Incorrect API key provided"), /does not accept my key/, /`apiKey`/],
    [
      "a wrong model",
      "not_found",
      json(404, "The model `m` does not exist"),
      /does not know the model/,
      /check `model`/,
    ],
    [
      "input 28: credit that is used up",
      "quota",
      json(429, "You exceeded your current quota", { code: "insufficient_quota" }),
      /credit .* used up/,
      /used up/,
    ],
    [
      "a conversation that is too long",
      "context_length",
      json(400, "prompt is too long"),
      /too long.*!new/,
      /`historyTokens`/,
    ],
    ["a filter", "filtered", json(400, "filtered", { code: "content_filter" }), /filtered/, /filter/],
  ])("%s", async ([, code, given, room, operator]) => {
    const { last, requests, log } = await asked([given]);
    expect([last, requests]).toEqual([expect.stringMatching(room), 1]);
    expect(log).toHaveLength(1);
    expect(log[0]).toContain(`"code":"${code}"`);
    expect(log[0]).toMatch(operator);
    const letters = await (await world.operator("GET", "/admin/dead-letters")).text();
    expect(letters).toMatch(operator);
  });

  test("an error in a stream with the status 200 is an error", async () => {
    const body = `event: error\ndata: ${JSON.stringify({ error: { message: "Invalid API key" } })}\n\n`;
    expect(await asked([answer(body)])).toMatchObject({ last: expect.stringContaining("my key"), requests: 1 });
  });
});

test("kind 6, input 12: a server that loads its model is asked again in the same attempt, until it answers", async () => {
  const loading = { error: { message: "Loading model", type: "unavailable_error", code: 503 } };
  const busy = answer(JSON.stringify(loading), 503, "application/json");
  const body = `${chunk({ content: "the answer" }, "stop")}${DONE}`;
  expect(await asked([busy, busy, answer(body)])).toMatchObject({ last: "the answer", requests: 3, log: [] });
});
