/** What a failure says that a later request can use. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { complaintOf } from "./complaint.ts";
import { failureOf, failureOfConnection } from "./failure.ts";

const writing = { secrets: ["sk-secret"], nowMs: 0 };
const fail = (body: unknown, status?: number, headers: Record<string, string> = {}) =>
  failureOf(complaintOf(body, status), new Headers(headers), writing);
const said = (message: string, more: object = {}) => ({ error: { message, ...more } });

describe("kind 4, what a server does not support is named", () => {
  test.for<[part: string, status: number, body: unknown]>([
    // https://platform.openai.com/docs/guides/reasoning
    [
      "max_tokens",
      400,
      said(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      ),
    ],
    [
      "temperature",
      400,
      said(
        "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.",
        { param: "temperature" },
      ),
    ],
    // https://github.com/editor-code-assistant/eca/issues/231
    [
      "max_completion_tokens",
      422,
      {
        message: {
          detail: [
            { type: "extra_forbidden", loc: ["body", "max_completion_tokens"], msg: "Extra inputs are not permitted" },
          ],
        },
      },
    ],
    // https://github.com/mistralai/platform-docs-public/issues/7
    [
      "stream_options",
      422,
      {
        object: "error",
        message:
          '{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}',
      },
    ],
    ["stream_options", 400, said("Unrecognized request argument supplied: stream_options")],
    ["parallel_tool_calls", 400, said("'parallel_tool_calls' is not supported with this model")],
    ["system_role", 400, said("System role not supported")],
    ["system_role", 400, said("This model does not support system messages.")],
    // https://github.com/QuantumNous/new-api/issues/989
    ["system_role", 400, said("Developer instruction is not enabled for models/gemma-3-27b-it")],
    // https://github.com/withcatai/node-llama-cpp/issues/263
    ["system_role", 500, said("Only user and assistant roles are supported!")],
    // https://github.com/ggml-org/llama.cpp/issues/19851
    [
      "roles",
      500,
      said(
        "After the optional system message, conversation roles must alternate user and assistant roles except for tool calls and results.",
      ),
    ],
    [
      "roles",
      400,
      said("Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"),
    ],
  ])("%s", ([part, status, body]) => {
    expect(fail(body, status)).toMatchObject({ part, event: { code: "unsupported", status, retryable: false } });
  });
});

describe("kind 4, how much a model holds is read", () => {
  test.for<[tokens: number, body: unknown]>([
    [4_096, said("request (4476 tokens) exceeds the available context size (4096 tokens)", { n_ctx: 4096 })],
    [16_384, said("This model's maximum context length is 16384 tokens. However, you requested 19591 tokens")],
    [40_960, said("The input (61709 tokens) is longer than the model's context length (40960 tokens).")],
    [2_048, { error: "Input validation error: `inputs` must have less than 2048 tokens. Given: 2222" }],
    [32_768, { error: "the model is loaded with context length of only 32768 tokens, which is not enough" }],
    [200_000, said("prompt is too long: 209303 tokens > 200000 maximum")],
    [1_048_576, said("The input token count (2800010) exceeds the maximum number of tokens allowed (1048576).")],
    [
      6_000,
      said(
        "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 14368, please reduce your message size",
      ),
    ],
  ])("%i", ([contextTokens, body]) => {
    expect(fail(body, 400)).toMatchObject({ contextTokens, event: { code: "context_length" } });
  });
  test("and is not guessed", () => {
    expect(fail(said("context window exceeded"), 400)).not.toHaveProperty("contextTokens");
  });
});

describe("when to ask again", () => {
  test.for<[name: string, ms: number, body: unknown, headers: Record<string, string>]>([
    ["is read from the header", 7_000, said("slow down"), { "retry-after": "7" }],
    ["is read from OpenAI's header", 250, said("slow down"), { "retry-after-ms": "250" }],
    ["is read from the words", 20_000, said("Please try again in 20s."), {}],
    ["is read from words with minutes", 578_016, said("Please try again in 9m38.016s."), {}],
    ["is read from words with milliseconds", 120, said("Please try again in 120ms."), {}],
    ["is read from Google's details", 37_000, said("slow", { details: [{ retryDelay: "37s" }] }), {}],
  ])("%s", ([, retryAfterMs, body, headers]) => {
    expect(fail(body, 429, headers).event).toMatchObject({ code: "rate_limit", retryAfterMs });
  });
});

test("a page for people says nothing about the request", () => {
  const page = "<!DOCTYPE html><html><body>Loading model… invalid api key</body></html>";
  expect([fail(page).event.code, fail(page, 404).event.code, fail(page, 502).event.code]).toEqual([
    ...["bad_address", "bad_address", "upstream"],
  ]);
});

test("the text for the log holds no secret and is short, however the complaint is built", () => {
  let nested: unknown = "sk-secret";
  for (let depth = 0; depth < 10_000; depth++) nested = { error: nested, more: ["x".repeat(100)] };
  for (const body of [nested, said("sk-secret ".repeat(10_000)), "sk-secret ".repeat(10_000)]) {
    const { errorText } = fail(body, 500).event;
    expect(errorText).not.toContain("sk-secret");
    expect(errorText.length).toBeLessThanOrEqual(BOUNDS.errorText.max);
  }
});

describe("a connection", () => {
  const failed = (code: string) =>
    new TypeError("fetch failed", { cause: Object.assign(new Error(`${code} sk-secret`), { code }) });
  test.for<[code: string, is: string, retryable: boolean]>([
    ["ECONNREFUSED", "disconnected", true],
    ["ECONNRESET", "disconnected", true],
    ["ENOTFOUND", "bad_address", true],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "bad_address", false],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "bad_address", false],
    ["HPE_INVALID_CONSTANT", "bad_address", false],
  ])("that fails with %s is %s", ([code, is, retryable]) => {
    const { event } = failureOfConnection(failed(code), writing);
    expect(event).toMatchObject({ code: is, retryable, errorText: expect.stringContaining(code) });
    expect(event.errorText).not.toContain("sk-secret");
  });
});
