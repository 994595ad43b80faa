/** The same backend in workerd. The server is only a `fetch` function. */
import { expect, test } from "vitest";
import type { Fetch } from "#core/turn/backend.ts";
import { aContext, aRequest, backendContract, eventsOf, textOf } from "../backend.contract.ts";
import { openai } from "./openai.ts";
import { OpenAi } from "./settings.ts";

const make = () => openai(OpenAi.parse({ use: "openai", baseUrl: "http://model.test/v1", model: "m" }));

const chunk = (content: string, finish: string | null = null) =>
  new TextEncoder().encode(
    `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`,
  );

/** Sends the chunks, then calls `end`. A stopped stream fails, as one from the network does. */
const serve =
  (chunks: Uint8Array[], end: (stream: ReadableStreamDefaultController<Uint8Array>) => void): Fetch =>
  async (_input, init) => {
    init?.signal?.throwIfAborted();
    const body = new ReadableStream<Uint8Array>({
      start(stream) {
        for (const bytes of chunks) stream.enqueue(bytes);
        init?.signal?.addEventListener("abort", () => stream.error(init.signal?.reason));
        end(stream);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };

const fine = serve([chunk("It is "), chunk("fine.", "stop")], (stream) => stream.close());
const endless = serve([chunk("word ")], () => undefined);
const broken: Fetch = async () => new Response("no", { status: 500 });
const byPrompt: Fetch = (input, init) => {
  const body = String(init?.body);
  if (body.includes("broken")) return broken(input, init);
  return body.includes("endless") ? endless(input, init) : fine(input, init);
};

backendContract("openai in workerd", {
  make,
  fine: "fine",
  failing: "broken",
  slow: "endless",
  context: { fetch: byPrompt },
});

const answered = (body: string, status = 200): Fetch => {
  return async () => new Response(body, { status, headers: { "content-type": "text/plain" } });
};
const ask = (fetch: Fetch) =>
  eventsOf(make().startTurn(aRequest("x"), aContext({ fetch, sleep: async () => undefined })));

test("kinds 1 and 2: in workerd too the answer is read, whatever the server calls it", async () => {
  const piece = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
  const whole = JSON.stringify({ choices: [{ message: { content: "the answer" } }] });
  const stream = `${piece("the ")}event: tool.progress\ndata: {"tool":"x"}\n\n${piece("answer")}data: [DONE]\n\n`;
  for (const body of [whole, stream]) {
    const events = await ask(answered(body));
    expect([textOf(events), events.at(-1)]).toMatchObject(["the answer", { type: "finish", finishReason: "stop" }]);
  }
});

test("kind 4: in workerd too the cause is read from the body", async () => {
  const told = answered('{"error":{"message":"no","code":"insufficient_quota"}}', 429);
  expect((await ask(told)).at(-2)).toMatchObject({ type: "error", code: "quota", retryable: false, status: 429 });
  expect((await ask(answered("404 page not found", 404))).at(-2)).toMatchObject({ code: "bad_address" });
});

test("kind 6: in workerd too a server that loads its model is asked again", async () => {
  let asked = 0;
  const loading: Fetch = (input, init) => {
    asked++;
    return asked < 3 ? answered('{"error":{"message":"Loading model"}}', 503)(input, init) : fine(input, init);
  };
  expect([textOf(await ask(loading)), asked]).toEqual(["It is fine.", 3]);
});

test("a stream that breaks in workerd is a lost connection, worth a retry", async () => {
  const cut = serve([chunk("half")], (stream) => setTimeout(() => stream.error(new Error("Network connection lost."))));
  const events = await eventsOf(make().startTurn(aRequest("x"), aContext({ fetch: cut })));
  expect(events.at(-2)).toMatchObject({ type: "error", code: "disconnected", retryable: true });
});
