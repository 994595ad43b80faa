/** The same backend in the Worker's runtime, with a server that is only a `fetch`. */
import { expect, test } from "vitest";
import type { Fetch } from "#core/turn/backend.ts";
import { aContext, aRequest, backendContract, eventsOf } from "../backend.contract.ts";
import { OpenAi, openai } from "./openai.ts";

const make = () => openai(OpenAi.parse({ use: "openai", baseUrl: "http://model.test/v1", model: "m" }));

const chunk = (content: string, finish: string | null = null) =>
  new TextEncoder().encode(
    `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`,
  );

/** Says these chunks, then ends as it is told; a stream that is stopped breaks, as one from the network does. */
const serve =
  (chunks: Uint8Array[], end: (stream: ReadableStreamDefaultController<Uint8Array>) => void): Fetch =>
  async (_input, init) => {
    init?.signal?.throwIfAborted();
    const body = new ReadableStream<Uint8Array>({
      start(stream) {
        for (const said of chunks) stream.enqueue(said);
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
  const asked = String(init?.body);
  if (asked.includes("broken")) return broken(input, init);
  return asked.includes("endless") ? endless(input, init) : fine(input, init);
};

backendContract("openai in workerd", {
  make,
  fine: "fine",
  failing: "broken",
  slow: "endless",
  context: { fetch: byPrompt },
});

test("a stream that breaks in workerd has lost its connection", async () => {
  const cut = serve([chunk("half")], (stream) => setTimeout(() => stream.error(new Error("Network connection lost."))));
  const events = await eventsOf(make().startTurn(aRequest("x"), aContext({ fetch: cut })));
  expect(events.at(-2)).toMatchObject({ type: "error", code: "disconnected", retryable: true });
});
