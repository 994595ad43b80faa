/** Servers that answer wrongly, break off or hang: each answers byte for byte. */
import { createServer, type RequestListener } from "node:http";
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { aContext, aRequest, eventsOf, textOf } from "../backend.contract.ts";
import { openai } from "./openai.ts";
import { OpenAi } from "./settings.ts";

const KEY = "sk-a-secret-key";
const env = (name: string) => (name === "MODEL_KEY" ? KEY : undefined);
const make = (baseUrl: string) => openai(OpenAi.parse({ use: "openai", baseUrl, apiKey: "$MODEL_KEY", model: "m" }));
const ask = (baseUrl: string) => eventsOf(make(baseUrl).startTurn(aRequest("x"), aContext({ env })));

/** Runs a server until `use` is over. */
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

/** The events of a turn against a server that answers with these bytes. */
const against = (body: string, headers: Record<string, string> = {}, status = 200) =>
  serving((_request, response) => {
    response.writeHead(status, { "content-type": "text/event-stream", ...headers });
    response.end(body);
  }, ask);
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

describe("the answer of a server", () => {
  const half = chunk({ content: "half" });
  test.for<[name: string, body: string, code: string]>([
    ["sends an HTML page of a proxy", "<html>Bad gateway</html>", "upstream"],
    ["sends nothing", "", "disconnected"],
    ["sends an object of a proxy", '{"hello":"proxy"}', "upstream"],
    ["sends a list", "[]", "upstream"],
    ["sends null", "null", "upstream"],
    ["sends garbage without an end", "data: {not json\n\n", "upstream"],
    ["sends half of a record, and the end", `data: {"choices":[{"delta":{"conte\n\ndata: [DONE]\n\n`, "disconnected"],
    ["ends without a finish reason", half, "disconnected"],
    ["ends with an error of its own", `${half}data: {"error":{"message":"gone"}}\n\ndata: [DONE]\n\n`, "upstream"],
    ["ends with an error that has a status", `${half}data: {"error":{"message":"slow","code":429}}\n\n`, "rate_limit"],
    ["says why there is no answer, and the end", 'data: {"detail":"Not authenticated"}\n\ndata: [DONE]\n\n', "auth"],
  ])("a server that %s: the turn fails with $2", async ([, body, code]) => {
    const events = await against(body);
    expect(events.at(-2)).toMatchObject({ type: "error", code, retryable: code !== "auth" });
    expect(events.at(-1)).toEqual({ type: "finish", finishReason: "error" });
  });

  const end = `${chunk({}, "stop")}data: [DONE]\n\n`;
  test.for<[name: string, body: string, text: string]>([
    ["only the end", "data: [DONE]\n\n", ""],
    ["garbage before the end", "data: {not json\n\ndata: [DONE]\n\n", ""],
    ["a record of something else that is cut", `${half}data: {"content":"pi\n\n${end}`, "half"],
    ["garbage in the middle", `${half}data: {not json\n\n${end}`, "half"],
    ["JSON of another kind", `${half}data: {"a":1}\n\n${end}`, "half"],
    ["a list", `${half}data: []\n\n${end}`, "half"],
    ["null", `${half}data: null\n\n${end}`, "half"],
    ["choices that are none", `${half}data: {"choices":null}\n\n${end}`, "half"],
    ["a choice without a delta", `${half}data: {"choices":[{"hello":"proxy"}]}\n\n${end}`, "half"],
  ])("kind 1: %s does not spoil an answer that has an end", async ([, body, text]) => {
    const events = await against(body);
    expect(textOf(events)).toBe(text);
    expect(events.at(-1)).toMatchObject({ type: "finish", finishReason: "stop" });
  });

  test("an error in the middle of a text closes the text", async () => {
    const types = (await against(`${half}data: {"error":{"message":"gone"}}\n\n`)).map(({ type }) => type);
    expect(types.slice(-3)).toEqual(["text-end", "error", "finish"]);
  });

  test("no part of the key gets into the log, even from a long error", async () => {
    // The text is shortened to 500 characters: no beginning of the key may be left at its end.
    for (let before = 440; before < 500; before++) {
      const [error] = (await against("x".repeat(before) + KEY, {}, 500)).filter(({ type }) => type === "error");
      expect(JSON.stringify(error)).not.toContain(KEY.slice(0, 4));
    }
  });

  test("a redirect is not followed: the server it names is told nothing", async () => {
    const told: string[] = [];
    const other: RequestListener = (request, response) => {
      told.push(request.method ?? "");
      response.end("of another server");
    };
    await serving(other, async (location) => {
      for (const status of [302, 307, 308]) {
        const error = (await against("", { location }, status)).at(-2);
        expect(error).toMatchObject({ code: "bad_address", retryable: false, status });
        expect(error).toMatchObject({ errorText: expect.stringContaining(`the server redirects to ${location}`) });
      }
    });
    expect(told).toEqual([]);
  });

  test("other work goes on between the calls of tools that nobody asked for", async () => {
    let breaks = 0;
    const sleep = async () => {
      breaks++;
    };
    const calls = Array.from({ length: 2_000 }, (_, index) =>
      chunk({ tool_calls: [{ index, id: `${index}`, type: "function", function: { name: "f", arguments: "{}" } }] }),
    ).join("");
    await serving(
      (_request, response) => response.end(calls + chunk({}, "stop")),
      (baseUrl) => eventsOf(make(baseUrl).startTurn(aRequest("x"), aContext({ env, sleep }))),
    );
    const ofBytes = Math.ceil(calls.length / BOUNDS.backendSlice.max);
    // A call has three parts at least.
    expect(breaks).toBeGreaterThan(ofBytes + (3 * 2_000) / BOUNDS.streamEventsAtOnce.max);
  });

  test("a redirect is a wrong address, and not tried again", async () => {
    expect((await against("", {}, 301)).at(-2)).toMatchObject({ code: "bad_address", retryable: false, status: 301 });
  });

  test("an event without end is broken off at its bound, also in lines", async () => {
    for (const line of ["x".repeat(60_000), "data: a\n", "data: a\r\n", '{"a":\n']) {
      const error = (await against(line.repeat(Math.ceil((BOUNDS.backendEvent.max * 1.1) / line.length)))).at(-2);
      const bound = `an event of the answer has more than ${BOUNDS.backendEvent.max} bytes`;
      expect(error).toMatchObject({ code: "disconnected", errorText: expect.stringContaining(bound) });
    }
  }, 30_000);

  test("many events without a blank line between them are none that has no end", async () => {
    const line = chunk({ content: "", padding: "x".repeat(10_000) }).slice("data: ".length, -1);
    const body = line.repeat(Math.ceil((BOUNDS.backendEvent.max * 1.1) / line.length));
    expect(textOf(await against(body + chunk({ content: "whole" }, "stop")))).toBe("whole");
  });

  test("a line that pauses in the middle is read whole", async () => {
    const line = chunk({ content: 'a } b ]} "c' }, "stop");
    const events = await serving((_request, response) => {
      const half = line.indexOf("]}") + 2;
      response.write(line.slice(0, half));
      setTimeout(() => response.end(line.slice(half)), BOUNDS.backendTail.max + 500);
    }, ask);
    expect(textOf(events)).toBe('a } b ]} "c');
  });

  test.for(["constructor", "__proto__", "something_new"])(
    "kind 2: the finish reason %s ends an answer",
    async (reason) => {
      const events = await against(chunk({ content: "whole" }, reason));
      expect([textOf(events), events.at(-1)]).toMatchObject(["whole", { type: "finish", finishReason: "other" }]);
    },
  );

  test("the token count is reported; without one the usage is empty", async () => {
    const usage =
      'data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n';
    const end = chunk({ content: "x" }, "stop");
    expect((await against(`${end}${usage}data: [DONE]\n\n`)).at(-1)).toMatchObject({
      messageMetadata: { usage: { inputTokens: 5, outputTokens: 2, totalTokens: 7 } },
    });
    expect((await against(`${end}data: [DONE]\n\n`)).at(-1)).toMatchObject({ messageMetadata: { usage: {} } });
  });

  test("reasoning is passed on", async () => {
    const events = await against(
      `${chunk({ reasoning_content: "hm" })}${chunk({ content: "yes" }, "stop")}data: [DONE]\n\n`,
    );
    expect(events).toContainEqual(expect.objectContaining({ type: "reasoning-delta", delta: "hm" }));
    expect(textOf(events)).toBe("yes");
  });

  test("a connection that is closed in the middle is a lost connection", async () => {
    const events = await serving((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(half, () => response.destroy());
    }, ask);
    expect(events.at(-2)).toMatchObject({ type: "error", code: "disconnected", retryable: true });
  });

  test("comments, CRLF and a missing last newline are understood", async () => {
    const body = `: waiting\r\n\r\n${chunk({ role: "assistant" })}${chunk({ content: "grüß" })}${chunk({ content: " 🎉" }, "stop")}data: [DONE]`;
    expect(textOf(await against(body))).toBe("grüß 🎉");
  });

  test.for([
    ["7", 7_000],
    ["1.5", 1_500],
    ["Sat, 21 Nov 2026 10:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 09:00:00 GMT", 0],
  ] as const)("429 with Retry-After %s is retried after %i ms", async ([header, retryAfterMs]) => {
    const answer = () => new Response("{}", { status: 429, headers: { "retry-after": header } });
    const now = () => Date.parse("2026-11-21T10:00:00Z");
    const events = await eventsOf(
      make("http://model.test/v1").startTurn(aRequest("x"), aContext({ env, now, fetch: async () => answer() })),
    );
    expect(events.at(-2)).toMatchObject({ code: "rate_limit", retryAfterMs });
  });
});

describe("the connection is closed", () => {
  /** Resolves when the client of a server that never ends has gone. `begin` is all that the server sends. */
  const untilGone = (begin: string, use: (baseUrl: string, begun: Promise<void>) => Promise<void>) => {
    const gone = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    return serving(
      (_request, response) => {
        response.on("close", () => gone.resolve());
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(begin, () => begun.resolve());
      },
      async (baseUrl) => {
        await use(baseUrl, begun.promise);
        await gone.promise;
      },
    );
  };
  const stream = (baseUrl: string, signal = new AbortController().signal) =>
    make(baseUrl).startTurn(aRequest("x"), aContext({ env, signal }));

  test.for([
    ["before anything is sent", ""],
    ["in the middle of an answer", chunk({ content: "half" })],
  ] as const)("when the turn is stopped %s", async ([, begin]) => {
    await untilGone(begin, async (baseUrl, begun) => {
      const stop = new AbortController();
      const events = eventsOf(stream(baseUrl, stop.signal));
      await begun;
      stop.abort();
      expect((await events).at(-1)).toEqual({ type: "abort" });
    });
  });

  test("when the reader stops", async () => {
    await untilGone(chunk({ content: "half" }), async (baseUrl) => {
      for await (const event of stream(baseUrl)) if (event.type === "text-delta") break;
    });
  });

  test("a moment after a whole record whose line has no end", async () => {
    const completion = JSON.stringify({ choices: [{ message: { content: "whole" } }] }, null, 1);
    for (const begin of [
      completion,
      `${chunk({ content: "whole" })}data: [DONE]`,
      chunk({ content: "whole" }, "stop").trim(),
    ]) {
      await untilGone(begin, async (baseUrl) => {
        const events = await eventsOf(stream(baseUrl));
        expect([textOf(events), events.at(-1)]).toMatchObject(["whole", { finishReason: "stop" }]);
      });
    }
  }, 20_000);

  test("a moment after the end of an answer, whether the server says that it is the end or not", async () => {
    for (const end of ["data: [DONE]\n\n", chunk({}, "stop")]) {
      await untilGone(chunk({ content: "whole" }) + end, async (baseUrl) => {
        const events = await eventsOf(stream(baseUrl));
        expect([textOf(events), events.at(-1)]).toMatchObject(["whole", { finishReason: "stop" }]);
      });
    }
  });

  test("when the server says an error", async () => {
    await untilGone('data: {"error":"gone"}\n\n', async (baseUrl) => {
      expect((await eventsOf(stream(baseUrl))).at(-2)).toMatchObject({ code: "upstream" });
    });
  });
});

test("a stopped turn does not wait for its history", async () => {
  const stop = new AbortController();
  const history = () => {
    stop.abort();
    return new Promise<never>(() => undefined);
  };
  const turn = make("http://model.test/v1").startTurn(
    aRequest("x", { history }),
    aContext({ env, signal: stop.signal }),
  );
  expect(await eventsOf(turn)).toEqual([{ type: "start" }, { type: "abort" }]);
});
