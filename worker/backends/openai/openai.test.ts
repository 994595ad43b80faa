/** On the wire, against a server that behaves as badly as real ones do. */
import { createServer } from "node:http";
import { LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { InputMessage } from "#core/backend.ts";
import { aContext, aRequest, backendContract, eventsOf, textOf } from "../backend.contract.ts";
import { trimToBudget } from "./budget.ts";
import { OpenAi, openai } from "./openai.ts";

const KEY = "sk-a-key-nobody-may-see";
const model = new LLMock({ port: 0, logLevel: "silent" });
beforeAll(async () => {
  await model.start();
});
afterAll(async () => {
  await model.stop();
});

const make = (over = {}) =>
  openai(OpenAi.parse({ use: "openai", baseUrl: "$MODEL_URL", apiKey: "$MODEL_KEY", model: "m", ...over }));
const env = (name: string) => ({ MODEL_URL: `${model.url}/v1`, MODEL_KEY: KEY })[name];
const ask = (text: string, over = {}, request = {}) =>
  eventsOf(make(over).startTurn(aRequest(text, request), aContext({ env })));

beforeEach(() => {
  model.reset();
  model.onMessage(
    "fine",
    { content: "It is **fine**, and takes a few words to say so." },
    { chunkSize: 8, latency: 5 },
  );
  model.onMessage("endless", { content: "word ".repeat(2_000) }, { chunkSize: 5, latency: 50 });
  model.onMessage("broken", { error: { message: `do not print ${KEY}`, type: "server_error" }, status: 500 });
});

backendContract("openai", { make, fine: "fine", failing: "broken", slow: "endless", context: { env } });

describe("openai", () => {
  test("says the model's words as they come, and sends key, model and instructions", async () => {
    const shown: Array<string | null> = [];
    const context = aContext({
      env,
      fetch: (input, init) => {
        shown.push(new Headers(init?.headers).get("authorization"));
        return fetch(input, init);
      },
    });
    const events = await eventsOf(make().startTurn(aRequest("fine"), context));
    expect(shown).toEqual([`Bearer ${KEY}`]);
    expect(textOf(events)).toBe("It is **fine**, and takes a few words to say so.");
    expect(events.filter(({ type }) => type === "text-delta").length).toBeGreaterThan(3);
    const [asked] = model.getRequests();
    expect(asked?.body).toMatchObject({
      model: "m",
      stream: true,
      messages: [{ role: "system" }, { role: "user", content: "fine" }],
    });
  });

  test.for<[status: number, code: string, retryable: boolean]>([
    [400, "bad_request", false],
    [401, "auth", false],
    [402, "quota", false],
    [404, "not_found", false],
    [413, "unsupported_input", false],
    [429, "rate_limit", true],
    [500, "upstream", true],
    [503, "upstream", true],
    [504, "timeout", true],
  ])("takes %i for %s, worth another try: %s", async ([status, code, retryable]) => {
    model.onMessage("refused", { error: { message: "no", type: "error" }, status });
    expect((await ask("refused")).at(-2)).toMatchObject({ type: "error", status, code, retryable });
  });

  test("never repeats the key, not even when the server does", async () => {
    expect(JSON.stringify(await ask("broken"))).not.toContain(KEY);
  });

  test("that is cut in the middle has lost its connection", async () => {
    model.onMessage("cut", { content: "word ".repeat(200) }, { chunkSize: 5, latency: 2, truncateAfterChunks: 20 });
    const events = await ask("cut");
    expect(textOf(events)).toMatch(/^word /);
    expect(events.at(-2)).toMatchObject({ type: "error", code: "disconnected", retryable: true });
  });

  test("that cannot be reached has lost its connection", async () => {
    expect((await ask("x", { baseUrl: "http://127.0.0.1:9/v1" })).at(-2)).toMatchObject({
      code: "disconnected",
      retryable: true,
    });
  });

  test("names the variable that is not set", async () => {
    const events = await ask("x", { baseUrl: "$NOT_SET" });
    expect(events.at(-2)).toMatchObject({
      code: "not_configured",
      retryable: false,
      errorText: expect.stringContaining("$NOT_SET"),
    });
  });

  test("sends earlier messages, and in a room of several who said them", async () => {
    const past: InputMessage[] = [
      { role: "user", id: "$0", parts: [{ type: "text", text: "before" }], sender: { userId: "@bob:hs.test" }, ts: 0 },
      { role: "assistant", id: "t0", parts: [{ type: "text", text: "answered" }], ts: 0 },
    ];
    await ask("fine", {}, { history: async () => past, room: { id: "!room", direct: false } });
    expect(model.getRequests()[0]?.body).toMatchObject({
      messages: [
        { role: "system" },
        { role: "user", content: "@bob:hs.test: before" },
        { role: "assistant", content: "answered" },
        { role: "user", content: "@alice:hs.test: fine" },
      ],
    });
  });
});

/** Answers byte for byte what it is told, whatever that is. */
async function against(body: string, headers: Record<string, string> = {}, status = 200) {
  const server = createServer((_request, response) => {
    response.writeHead(status, { "content-type": "text/event-stream", ...headers });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  try {
    return await ask("x", { baseUrl: `http://127.0.0.1:${port}/v1` });
  } finally {
    server.close();
  }
}
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

describe("a server that", () => {
  test.for<[name: string, body: string]>([
    ["sends garbage", "data: {not json\n\ndata: [DONE]\n\n"],
    ["sends a page", "<html>Bad gateway</html>"],
    ["sends nothing", ""],
    ["ends without saying why", chunk({ content: "half an ans" })],
    [
      "ends with an error of its own",
      `${chunk({ content: "half" })}data: {"error":{"message":"gone"}}\n\ndata: [DONE]\n\n`,
    ],
  ])("%s has failed", async ([, body]) => {
    const events = await against(body);
    expect(events.at(-2)).toMatchObject({ type: "error" });
    expect(events.at(-1)).toEqual({ type: "finish", finishReason: "error" });
  });

  test("sends comments, CRLF and no last newline is understood", async () => {
    const body = `: waiting\r\n\r\n${chunk({ role: "assistant" })}${chunk({ content: "grüß" })}${chunk({ content: " 🎉" }, "stop")}data: [DONE]`;
    expect(textOf(await against(body))).toBe("grüß 🎉");
  });

  test.for([
    ["7", 7_000],
    [new Date(Date.now() - 5_000).toUTCString(), 0],
  ] as const)("asks to come back after %s is taken at its word", async ([header, retryAfterMs]) => {
    expect((await against("{}", { "retry-after": header }, 429)).at(-2)).toMatchObject({
      code: "rate_limit",
      retryAfterMs,
    });
  });
});

describe("the budget", () => {
  const message = (text: string): InputMessage => ({ role: "user", id: text, parts: [{ type: "text", text }], ts: 0 });
  const texts = (messages: InputMessage[]) => messages.map(({ id }) => id);
  const all = ["a".repeat(400), "b".repeat(400), "c".repeat(400), "now"].map(message);

  test("keeps the newest that fit", () =>
    expect(texts(trimToBudget(all, 230, 1)).map((text) => text[0])).toEqual(["b", "c", "n"]));
  test("keeps everything when there is room", () => expect(trimToBudget(all, 10_000, 1)).toEqual(all));
  test("keeps what is asked now, whatever it weighs", () => expect(trimToBudget(all, 1, 2)).toEqual(all.slice(2)));
  test("takes nothing from nothing", () => expect(trimToBudget([], 10, 1)).toEqual([]));
});
