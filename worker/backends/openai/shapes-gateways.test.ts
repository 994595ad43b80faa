/** Answers of gateways, each with its source. */
import { DONE, delta, error, shapesOf, stream } from "./shapes.suite.ts";

shapesOf("LiteLLM", [
  {
    name: "kind 4, a budget that is used up",
    source: "https://github.com/open-webui/open-webui/issues/5469",
    status: 400,
    body: error("Budget has been exceeded! Current cost: 0.3759, Max budget: 0.35", {
      type: "budget_exceeded",
      code: "400",
    }),
    is: { code: "quota", retryable: false },
  },
  {
    name: "kind 4, a model that is not there",
    source: "https://github.com/BerriAI/litellm/issues/9663",
    status: 400,
    body: '{"error":"/chat/completions: Invalid model name passed in model=m. Call `/v1/models` to view available models for your key."}',
    is: { code: "not_found" },
  },
  {
    name: "kind 4, a wrong key",
    source: "https://github.com/OpenHands/OpenHands/issues/17390",
    status: 401,
    body: error("Authentication Error, Invalid proxy server token passed. Received API Key = sk-...8aSP", {
      type: "token_not_found_in_db",
      param: "key",
      code: "401",
    }),
    is: { code: "auth", retryable: false },
  },
  {
    name: "kind 4, the cause of another server inside of a text",
    source: "https://github.com/OpenHands/OpenHands/issues/5350",
    status: 400,
    body: error(
      'litellm.BadRequestError: litellm.ContextWindowExceededError: AnthropicError - {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 209303 tokens > 200000 maximum"}}',
      { type: null, code: "400" },
    ),
    is: { code: "context_length" },
  },
]);

shapesOf("OpenRouter", [
  {
    name: "kind 1, comments between the records",
    source: "https://openrouter.ai/docs/api-reference/streaming",
    body: `: OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n${stream(delta("whole"), delta("", "stop"), DONE)}`,
    is: "whole",
  },
  {
    name: "kind 4, an error in the middle of the stream",
    source: "https://openrouter.ai/docs/api/reference/errors-and-debugging",
    body: stream(delta("half"), {
      id: "c",
      error: { code: 502, message: "Provider disconnected unexpectedly" },
      choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }],
    }),
    is: { code: "upstream", retryable: true },
  },
  {
    name: "kind 4, credit that is used up",
    source: "https://github.com/Gitlawb/openclaude/issues/1125",
    status: 402,
    body: error(
      "This request requires more credits, or fewer max_tokens. You requested up to 32000 tokens, but can only afford 27342.",
      {
        code: 402,
        metadata: { provider_name: null },
      },
    ),
    is: { code: "quota" },
  },
  {
    name: "kind 4, a model that is not there",
    source: "https://github.com/Alishahryar1/free-claude-code/issues/166",
    status: 404,
    body: error("No endpoints found for stepfun/step-3.5-flash:free.", { code: 404 }),
    is: { code: "not_found" },
  },
  {
    name: "kind 4, a question that was flagged",
    source: "https://openrouter.ai/docs/api/errors",
    status: 403,
    body: error("Your chosen model requires moderation and your input was flagged", {
      code: 403,
      metadata: { reasons: [] },
    }),
    is: { code: "filtered" },
  },
]);

shapesOf("Open WebUI", [
  {
    name: "kind 4, an address without /api",
    source: "https://github.com/open-webui/open-webui/issues/8048",
    status: 405,
    body: '{"detail":"Method Not Allowed"}',
    is: { code: "bad_address" },
  },
  {
    name: "kind 2, a stream that just stops",
    source: "https://github.com/open-webui/open-webui/issues/29628",
    body: stream(delta("half")),
    is: { code: "disconnected", retryable: true },
  },
  {
    name: "kind 1, events of its own between the deltas",
    source: "https://github.com/open-webui/pipelines/pull/491",
    body: stream(
      { event: { type: "status", data: { description: "Processing...", done: false } } },
      { sources: [{ document: ["x"], metadata: [{}] }] },
      delta("whole", "stop"),
      DONE,
    ),
    is: "whole",
  },
  {
    name: "kind 4, an error of a gateway behind it",
    source: "https://github.com/open-webui/open-webui/issues/16817",
    body: '{"error":{"message":"OpenAI is requiring a key to access this model, which you can add in https://openrouter.ai/settings/integrations","code":403}}',
    is: { code: "auth" },
  },
]);

shapesOf("OpenAI and others", [
  {
    name: "kind 4, credit that is used up, with the status 429",
    source: "https://platform.openai.com/docs/guides/error-codes",
    status: 429,
    body: error("You exceeded your current quota, please check your plan and billing details.", {
      code: "insufficient_quota",
    }),
    is: { code: "quota", retryable: false },
  },
  {
    name: "kind 1, the text so far in every record, beside the delta",
    source: "https://github.com/perplexityai/api-discussion/issues/209",
    body: stream(
      {
        object: "chat.completion.chunk",
        choices: [{ index: 0, delta: { content: "wh" }, message: { content: "wh" } }],
      },
      {
        object: "chat.completion.chunk",
        choices: [{ index: 0, delta: { content: "ole" }, message: { content: "whole" }, finish_reason: "stop" }],
      },
    ),
    is: "whole",
  },
  {
    name: "kind 1, each piece twice in its record, and no finish reason",
    source: "https://github.com/microsoft/foundry-local/issues/299",
    body: stream(
      {
        choices: [{ delta: { content: "wh" }, message: { content: "wh" }, index: 0 }],
        object: "chat.completion.chunk",
      },
      {
        choices: [{ delta: { content: "ole" }, message: { content: "ole" }, index: 0 }],
        object: "chat.completion.chunk",
      },
      DONE,
    ),
    is: "whole",
  },
]);
