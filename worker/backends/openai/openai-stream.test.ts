/** The backend on the wire, against servers that behave as badly as real ones do. */
import { createServer, type RequestListener } from "node:http";
import { describe, expect, test } from "vitest";
import { aContext, aRequest, eventsOf, textOf } from "../backend.contract.ts";
import { OpenAi, openai } from "./openai.ts";

const KEY = "sk-a-key-nobody-may-see";
const URL = "http://127.0.0.1:9/v1";
const make = (over = {}) =>
  openai(OpenAi.parse({ use: "openai", baseUrl: URL, apiKey: "$MODEL_KEY", model: "m", ...over }));
const env = (name: string) => ({ MODEL_KEY: KEY })[name];
const ask = (text: string, over = {}) => eventsOf(make(over).startTurn(aRequest(text), aContext({ env })));

/** Runs `use` with a server that answers by `listener`. */
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

/** The events of a turn against a server that answers with exactly this. */
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
