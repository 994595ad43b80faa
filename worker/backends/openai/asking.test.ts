/** Patience with a server that loads its model. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { aContext, aRequest, eventsOf, textOf } from "../backend.contract.ts";
import { openai } from "./openai.ts";
import { OpenAi } from "./settings.ts";

const backend = openai(OpenAi.parse({ use: "openai", baseUrl: "http://model.test/v1", model: "m" }));
const LOADING = '{"error":{"message":"Loading model","type":"unavailable_error","code":503}}';
const ANSWER = 'data: {"choices":[{"index":0,"delta":{"content":"fine"},"finish_reason":"stop"}]}\n\n';

/** Asks a server that loads for so long, on a clock that only pauses move. Gives when it was asked, in seconds. */
async function ask(
  loadsMs: number,
  { patienceMs = 300_000, loading = () => new Response(LOADING, { status: 503 }) } = {},
) {
  let nowMs = 0;
  const askedAt: number[] = [];
  const context = aContext({
    patienceMs,
    now: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
    fetch: async () => {
      askedAt.push(nowMs / 1_000);
      return nowMs < loadsMs ? loading() : new Response(ANSWER);
    },
  });
  return { events: await eventsOf(backend.startTurn(aRequest("x"), context)), askedAt };
}

describe("kind 6, a server that says that it is loading", () => {
  test("is asked again with growing pauses until it answers, input 12", async () => {
    const { events, askedAt } = await ask(20_000);
    expect(textOf(events)).toBe("fine");
    expect(askedAt).toEqual([0, 1, 3, 7, 15, 25]);
  });
  test("is asked no longer than the first text may take, and then has a sentence of its own", async () => {
    const { events, askedAt } = await ask(Number.POSITIVE_INFINITY, { patienceMs: 60_000 });
    expect(events.at(-2)).toMatchObject({ type: "error", code: "loading", retryable: false });
    expect(askedAt.at(-1)).toBe(55);
  });
  test("is asked after the time that it names, at most after the longest pause", async () => {
    const named = () => new Response(LOADING, { status: 503, headers: { "retry-after": "6" } });
    expect((await ask(20_000, { loading: named })).askedAt).toEqual([0, 6, 12, 18, 26]);
    const long = () => new Response(LOADING, { status: 503, headers: { "retry-after": "3600" } });
    expect((await ask(20_000, { loading: long })).askedAt).toEqual([0, 10, 20]);
    expect(BOUNDS.loadingPause.max).toBe(10_000);
  });
  test("is asked again also when it says so in a stream, before any text", async () => {
    const { events, askedAt } = await ask(2_000, { loading: () => new Response(`data: ${LOADING}\n\n`) });
    expect([textOf(events), askedAt]).toEqual(["fine", [0, 1, 3]]);
  });
  test("is not asked again behind the beginning of an answer", async () => {
    const begun = () => new Response(`data: {"choices":[{"delta":{"content":"half"}}]}\n\ndata: ${LOADING}\n\n`);
    const { events, askedAt } = await ask(20_000, { loading: begun });
    expect([textOf(events), events.at(-2), askedAt]).toMatchObject(["half", { code: "loading" }, [0]]);
  });
  test("is not asked again when the turn is stopped", async () => {
    const stop = new AbortController();
    const fetch = async () => {
      stop.abort();
      return new Response(LOADING, { status: 503 });
    };
    const turn = backend.startTurn(
      aRequest("x"),
      aContext({ fetch, signal: stop.signal, sleep: async () => undefined }),
    );
    expect((await eventsOf(turn)).at(-1)).toEqual({ type: "abort" });
  });
});
