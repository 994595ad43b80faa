/** On the wire, against a server that behaves as badly as real ones do. */
import { createServer, type RequestListener } from "node:http";
import { LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { InputMessage } from "#core/turn/backend.ts";
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
    [403, "auth", false],
    [404, "not_found", false],
    [408, "timeout", true],
    [409, "busy", true],
    [413, "unsupported_input", false],
    [415, "unsupported_input", false],
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

  test("says so when its address is none", async () => {
    expect((await ask("x", { baseUrl: "localhost:11434/v1" })).at(-2)).toMatchObject({
      code: "not_configured",
      retryable: false,
      errorText: expect.stringContaining("baseUrl"),
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

describe("what is told beside the words", () => {
  const sent = () => model.getRequests()[0]?.body as { model: string; messages: { role: string; content: string }[] };
  test("is in the system message where it is the operator's, and with the question where it quotes the room", async () => {
    const past: InputMessage[] = [
      { role: "user", id: "$0", parts: [{ type: "text", text: "before" }], sender: { userId: "@bob:hs.test" }, ts: 0 },
      { role: "assistant", id: "t0", parts: [{ type: "text", text: "answered" }], ts: 0 },
    ];
    const request = { instructions: "Be brief.", context: "<room-data>\n</room-data>", history: async () => past };
    await ask("fine", {}, { ...request, room: { id: "!room", direct: false } });
    expect(sent().messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
    expect(sent().messages[0]?.content).toMatch(/^Be brief\.\n\nYou are Agent/);
    expect(sent().messages[3]?.content).toBe("<room-data>\n</room-data>\n\n@alice:hs.test: fine");
  });

  test("counts, and never falls victim to the budget", async () => {
    const past: InputMessage[] = [{ role: "user", id: "$0", parts: [{ type: "text", text: "before" }], ts: 0 }];
    const context = "x".repeat(1_000);
    await ask("fine", { historyTokens: 100 }, { context, history: async () => past });
    expect(sent().messages.slice(1)).toEqual([{ role: "user", content: `${context}\n\nfine` }]);
  });

  test("may be another model, which is taken as it stands", async () => {
    await ask("fine", { model: "$NOT_SET" }, { model: "$MODEL_KEY" });
    expect(sent().model).toBe("$MODEL_KEY");
  });
});

/** A server of one's own for as long as `use` runs. */
async function serving<T>(listener: RequestListener, use: (baseUrl: string) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  try {
    return await use(`http://127.0.0.1:${port}/v1`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Answers byte for byte what it is told, whatever that is. */
const against = (body: string, headers: Record<string, string> = {}, status = 200) =>
  serving(
    (_request, response) => {
      response.writeHead(status, { "content-type": "text/event-stream", ...headers });
      response.end(body);
    },
    (baseUrl) => ask("x", { baseUrl }),
  );
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

describe("a server that", () => {
  const half = chunk({ content: "half" });
  test.for<[name: string, body: string, code: string]>([
    ["sends garbage", "data: {not json\n\ndata: [DONE]\n\n", "upstream"],
    ["sends JSON of another kind", 'data: {"a":1}\n\ndata: [DONE]\n\n', "upstream"],
    ["sends garbage in the middle", `${half}data: {not json\n\n${chunk({}, "stop")}data: [DONE]\n\n`, "upstream"],
    ["sends a page", "<html>Bad gateway</html>", "disconnected"],
    ["sends nothing", "", "disconnected"],
    ["ends without saying why", half, "disconnected"],
    ["ends with an error of its own", `${half}data: {"error":{"message":"gone"}}\n\ndata: [DONE]\n\n`, "upstream"],
    ["ends with an error that has a status", `${half}data: {"error":{"message":"slow","code":429}}\n\n`, "rate_limit"],
  ])("%s has failed: %s", async ([, body, code]) => {
    const events = await against(body);
    expect(events.at(-2)).toMatchObject({ type: "error", code, retryable: true });
    expect(events.at(-1)).toEqual({ type: "finish", finishReason: "error" });
  });

  test("fails in the middle leaves no text open", async () => {
    const types = (await against(`${half}data: {"error":{"message":"gone"}}\n\n`)).map(({ type }) => type);
    expect(types.slice(-3)).toEqual(["text-end", "error", "finish"]);
  });

  test("hides the key in a long answer does not get half of it into the log", async () => {
    // Wherever the log's text is cut, no beginning of the key may be left.
    for (let before = 440; before < 500; before++) {
      const [error] = (await against("x".repeat(before) + KEY, {}, 500)).filter(({ type }) => type === "error");
      expect(JSON.stringify(error)).not.toContain(KEY.slice(0, 4));
    }
  });

  test("is elsewhere by now is not asked again", async () => {
    expect((await against("", {}, 301)).at(-2)).toMatchObject({ code: "bad_request", retryable: false, status: 301 });
  });

  test("counts is believed, and one that does not is not made to", async () => {
    const usage =
      'data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n';
    const end = chunk({ content: "x" }, "stop");
    expect((await against(`${end}${usage}data: [DONE]\n\n`)).at(-1)).toMatchObject({
      messageMetadata: { usage: { inputTokens: 5, outputTokens: 2, totalTokens: 7 } },
    });
    expect((await against(`${end}data: [DONE]\n\n`)).at(-1)).toMatchObject({ messageMetadata: { usage: {} } });
  });

  test("thinks aloud is heard thinking", async () => {
    const events = await against(
      `${chunk({ reasoning_content: "hm" })}${chunk({ content: "yes" }, "stop")}data: [DONE]\n\n`,
    );
    expect(events).toContainEqual(expect.objectContaining({ type: "reasoning-delta", delta: "hm" }));
    expect(textOf(events)).toBe("yes");
  });

  test("cuts the wire has lost its connection", async () => {
    const events = await serving(
      (_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(half, () => response.destroy());
      },
      (baseUrl) => ask("x", { baseUrl }),
    );
    expect(events.at(-2)).toMatchObject({ type: "error", code: "disconnected", retryable: true });
  });

  test("sends comments, CRLF and no last newline is understood", async () => {
    const body = `: waiting\r\n\r\n${chunk({ role: "assistant" })}${chunk({ content: "grüß" })}${chunk({ content: " 🎉" }, "stop")}data: [DONE]`;
    expect(textOf(await against(body))).toBe("grüß 🎉");
  });

  test.for([
    ["7", 7_000],
    ["1.5", 1_500],
    ["Sat, 21 Nov 2026 10:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 09:00:00 GMT", 0],
  ] as const)("asks to come back after %s is taken at its word", async ([header, retryAfterMs]) => {
    const answer = () => new Response("{}", { status: 429, headers: { "retry-after": header } });
    const now = () => Date.parse("2026-11-21T10:00:00Z");
    const events = await eventsOf(make().startTurn(aRequest("x"), aContext({ env, now, fetch: async () => answer() })));
    expect(events.at(-2)).toMatchObject({ code: "rate_limit", retryAfterMs });
  });
});

describe("hanging up", () => {
  /** Resolves, for a server that never ends, once it has seen its client go; `begin` is what it says until then. */
  const seen = (begin: string, ask: (baseUrl: string, heard: Promise<void>) => Promise<void>) => {
    const gone = Promise.withResolvers<void>();
    const heard = Promise.withResolvers<void>();
    return serving(
      (_request, response) => {
        response.on("close", () => gone.resolve());
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(begin, () => heard.resolve());
      },
      async (baseUrl) => {
        await ask(baseUrl, heard.promise);
        await gone.promise;
      },
    );
  };
  const stream = (baseUrl: string, signal = new AbortController().signal) =>
    make({ baseUrl }).startTurn(aRequest("x"), aContext({ env, signal }));

  test.for([
    ["before it says anything", ""],
    ["in the middle of an answer", chunk({ content: "half" })],
  ] as const)("reaches the server when the turn is stopped %s", async ([, begin]) => {
    await seen(begin, async (baseUrl, heard) => {
      const stop = new AbortController();
      const events = eventsOf(stream(baseUrl, stop.signal));
      await heard;
      stop.abort();
      expect((await events).at(-1)).toEqual({ type: "abort" });
    });
  });

  test("reaches the server when nobody reads on", async () => {
    await seen(chunk({ content: "half" }), async (baseUrl) => {
      for await (const event of stream(baseUrl)) if (event.type === "text-delta") break;
    });
  });

  test("reaches the server when its answer has failed", async () => {
    await seen("data: {not json\n\n", async (baseUrl) => {
      expect((await eventsOf(stream(baseUrl))).at(-2)).toMatchObject({ code: "upstream" });
    });
  });

  test("does not wait for a history that does not come", async () => {
    const stop = new AbortController();
    const history = () => {
      stop.abort();
      return new Promise<never>(() => undefined);
    };
    const turn = make().startTurn(aRequest("x", { history }), aContext({ env, signal: stop.signal }));
    expect(await eventsOf(turn)).toEqual([{ type: "start" }, { type: "abort" }]);
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
