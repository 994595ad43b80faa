import { describe, expect, test } from "vitest";
import { NOTHING_LEARNT } from "#core/turn/learnt.ts";
import { complaintOf } from "../failure/complaint.ts";
import { failureOf } from "../failure/failure.ts";
import { learntFrom, leavingOut } from "./left-out.ts";

/** What is sent of this request. */
async function sentOf(body: object, refused: string[], headers: Record<string, string> = {}) {
  let sent: RequestInit | undefined;
  let parts: ReadonlySet<string> = new Set();
  const fetch = leavingOut(
    async (_input, init) => {
      sent = init;
      return new Response();
    },
    new Set(refused),
    (all) => {
      parts = all;
    },
  );
  await fetch("http://model.test", { body: JSON.stringify(body), headers });
  return { body: JSON.parse(String(sent?.body)), headers: new Headers(sent?.headers), parts: [...parts] };
}

describe("kind 5, what is left out of a request", () => {
  test.for<[body: object, refused: string[], sent: object]>([
    [{ model: "m", temperature: 0.5 }, ["temperature"], { model: "m" }],
    [{ max_tokens: 5 }, ["max_tokens"], { max_completion_tokens: 5 }],
    [{ max_completion_tokens: 5 }, ["max_completion_tokens"], { max_tokens: 5 }],
    [{ max_tokens: 5 }, ["max_tokens", "max_completion_tokens"], {}],
    [
      { tools: [], tool_choice: "auto", parallel_tool_calls: true },
      ["parallel_tool_calls"],
      { tools: [], tool_choice: "auto" },
    ],
    [{ tools: [], tool_choice: "auto", parallel_tool_calls: true }, ["tools"], {}],
    [{ stream: true, stream_options: {} }, ["stream"], {}],
    [{ model: "m" }, ["constructor", "system_role"], { model: "m" }],
  ])("of %j without %j is sent %j", async ([body, refused, sent]) =>
    expect((await sentOf(body, refused)).body).toEqual(sent),
  );

  test("may be a header, and the names of what is sent are told", async () => {
    const headers = { "idempotency-key": "1", authorization: "Bearer k" };
    expect((await sentOf({ model: "m" }, [], headers)).parts).toEqual(["model", "idempotency-key"]);
    const { headers: sent, parts } = await sentOf({ model: "m" }, ["idempotency-key"], headers);
    expect([sent.get("idempotency-key"), sent.get("authorization"), parts]).toEqual([null, "Bearer k", ["model"]]);
  });
});

describe("kind 5, what is learnt from a refusal", () => {
  const conversation = { tokens: 4_000, hasPast: true, instructions: "x" };
  const sent = new Set(["model", "stream", "stream_options", "temperature"]);
  const refusal = (message: string, status = 400, more = {}) =>
    failureOf(complaintOf({ error: { message, ...more } }, status), new Headers(), { secrets: [], nowMs: 0 });
  const learn = (message: string, status?: number, over = {}) =>
    learntFrom(NOTHING_LEARNT, { ending: refusal(message, status), sent, conversation: { ...conversation, ...over } });

  test.for<[message: string, status: number, part: string | undefined]>([
    ["Unsupported parameter: 'temperature'", 400, "temperature"],
    ["System role not supported", 400, "system_role"],
    ["Conversation roles must alternate user/assistant", 500, "system_role"],
    ["Unsupported parameter: 'top_p'", 400, undefined],
    ["no", 422, "stream_options"],
    ["no", 403, undefined],
    ["Incorrect API key provided", 400, undefined],
    ["server error", 500, undefined],
  ])("%s (%i): %s", ([message, status, part]) =>
    expect(learn(message, status)).toEqual(part === undefined ? undefined : { leftOut: [part] }),
  );

  test("is nothing where the part was not sent", () => {
    expect(learn("System role not supported", 400, { instructions: undefined })).toBeUndefined();
  });

  test("is how long a request may be: the half of it, or by what the server says that it holds", () => {
    expect(learn("prompt is too long")).toEqual({ leftOut: [], contextTokens: 2_000 });
    expect(learn("This model's maximum context length is 3500 tokens")).toEqual({ leftOut: [], contextTokens: 2_625 });
    expect(learn("This model's maximum context length is 8192 tokens")).toEqual({ leftOut: [], contextTokens: 2_000 });
    expect(learn("prompt is too long", 400, { hasPast: false })).toBeUndefined();
  });
});
