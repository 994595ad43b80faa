/** Answers of hosted servers, each with its source. */
import { DONE, delta, error, shapesOf, stream } from "./shapes.suite.ts";

const RESPONSIBLE =
  "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.";
shapesOf("Azure", [
  {
    name: "kind 1, a first record without choices, and one without a delta",
    source: "https://github.com/langchain-ai/langchain/issues/18977",
    body: stream(
      {
        id: "",
        choices: [],
        object: "",
        prompt_filter_results: [{ content_filter_results: { hate: { filtered: false } } }],
      },
      delta("whole"),
      { choices: [{ finish_reason: null, index: 0, content_filter_offsets: { check_offset: 44 } }], usage: null },
      delta("", "stop"),
      DONE,
    ),
    is: "whole",
  },
  {
    name: "kind 4, a question that was filtered",
    source: "https://github.com/Gitlawb/openclaude/issues/273",
    status: 400,
    body: error(RESPONSIBLE, {
      type: null,
      param: "prompt",
      code: "content_filter",
      status: 400,
      innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result: { jailbreak: { filtered: true } } },
    }),
    is: { code: "filtered" },
  },
  {
    name: "kind 4, a deployment that is not there",
    source: "https://github.com/chatboxai/chatbox/issues/861",
    status: 404,
    body: error(
      "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.",
      {
        code: "DeploymentNotFound",
      },
    ),
    is: { code: "not_found" },
  },
  {
    name: "kind 2, an answer that was filtered",
    source: "https://learn.microsoft.com/en-us/azure/ai-services/openai/concepts/content-filter",
    body: stream(delta("", "content_filter"), DONE),
    is: { ended: "content-filter" },
  },
]);

shapesOf("Groq", [
  {
    name: "kind 4, a question that never fits",
    source: "https://github.com/assafelovic/gpt-researcher/issues/985",
    status: 413,
    body: error(
      "Request too large for model `m` in organization `o` on tokens per minute (TPM): Limit 6000, Requested 14368, please reduce your message size and try again.",
      {
        type: "tokens",
        code: "rate_limit_exceeded",
      },
    ),
    is: { code: "context_length" },
  },
  {
    name: "kind 4, too much in this minute",
    source: "https://github.com/danielmiessler/Fabric/issues/364",
    status: 429,
    body: error(
      "Rate limit reached for model `m` on tokens per minute (TPM): Limit 7000, Used 0, Requested ~12903. Please try again in 50.5s. Upgrade at https://console.groq.com/settings/billing",
      {
        type: "tokens",
        code: "rate_limit_exceeded",
      },
    ),
    is: { code: "rate_limit", retryAfterMs: 50_500, retryable: true },
  },
  {
    name: "kind 4, too much on this day",
    source: "https://github.com/continuedev/continue/issues/10920",
    status: 429,
    body: error(
      "Rate limit reached for model `m` on tokens per day (TPD): Limit 100000, Used 97050, Requested 3619. Please try again in 9m38.016s.",
      {
        code: "rate_limit_exceeded",
      },
    ),
    is: { code: "quota", retryable: false },
  },
  {
    name: "kind 4, a wrong address, in no more words",
    source: "https://github.com/egoist/chatwise-releases/issues/269",
    status: 404,
    body: error("Not Found"),
    is: { code: "bad_address" },
  },
  {
    name: "kind 4, a wrong address",
    source: "https://github.com/theJayTea/WritingTools/issues/263",
    status: 404,
    body: error(
      "Unknown request URL: POST /openai/chat/completions. Please check the URL for typos, or see the docs at https://console.groq.com/docs/",
      {
        type: "invalid_request_error",
        code: "unknown_url",
      },
    ),
    is: { code: "bad_address" },
  },
]);

shapesOf("Mistral", [
  {
    name: "kind 1, thoughts as parts of the content",
    source: "https://github.com/BerriAI/litellm/issues/16272",
    body: stream(
      {
        choices: [
          { index: 0, delta: { content: [{ type: "thinking", thinking: [{ type: "text", text: "'s a greeting" }] }] } },
        ],
      },
      { choices: [{ index: 0, delta: { content: [{ type: "text", text: "whole" }] }, finish_reason: "stop" }] },
      DONE,
    ),
    is: "whole",
  },
  {
    name: "kind 4, a field that it does not know",
    source: "https://github.com/editor-code-assistant/eca/issues/231",
    status: 422,
    body: '{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","max_completion_tokens"],"msg":"Extra inputs are not permitted","input":32000}]},"type":"invalid_request_error","param":null,"code":null}',
    is: { code: "unsupported" },
  },
  {
    name: "kind 4, too many requests",
    source: "https://github.com/raycast/extensions/issues/31107",
    status: 429,
    body: '{"object":"error","message":"Rate limit exceeded","type":"rate_limited","param":null,"code":"1300","raw_status_code":429}',
    is: { code: "rate_limit" },
  },
  {
    name: "kind 4, no capacity",
    source: "https://github.com/continuedev/continue/issues/6185",
    status: 400,
    body: '{"object":"error","message":"Service tier capacity exceeded for this model.","type":"invalid_request_error","param":null,"code":null}',
    is: { code: "busy", retryable: true },
  },
]);

shapesOf("DeepSeek", [
  {
    name: "kind 4, credit that is used up",
    source: "https://api-docs.deepseek.com/quick_start/error_codes",
    status: 402,
    body: error("Insufficient Balance", { type: "unknown_error", param: null, code: "invalid_request_error" }),
    is: { code: "quota" },
  },
  {
    name: "kind 4, a question that was filtered",
    source: "https://github.com/666ghj/BettaFish/issues/108",
    status: 400,
    body: error("Content Exists Risk", { type: "invalid_request_error", param: null, code: "invalid_request_error" }),
    is: { code: "filtered" },
  },
  {
    name: "kind 4, a model that is not there",
    source: "https://github.com/ConardLi/easy-dataset/issues/9",
    status: 400,
    body: error("Model Not Exist", { type: "invalid_request_error", param: null, code: "invalid_request_error" }),
    is: { code: "not_found" },
  },
  {
    name: "kind 1, empty lines before a whole completion, comments before a stream",
    source: "https://api-docs.deepseek.com/quick_start/rate_limit",
    body: `\n\n: keep-alive\n\n\n${stream(delta("whole", "stop"))}`,
    is: "whole",
  },
]);

const PER_DAY = {
  code: 429,
  message: "You exceeded your current quota, please check your plan and billing details. Please retry in 37.8s.",
  status: "RESOURCE_EXHAUSTED",
  details: [
    { violations: [{ quotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier", quotaValue: "20" }] },
    { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "37s" },
  ],
};
const perMinute = JSON.stringify([{ error: PER_DAY }]).replace("PerDay", "PerMinute");
shapesOf("Gemini", [
  {
    name: "kind 4, a wrong key, in a list, with the status 400",
    source: "https://github.com/continuedev/continue/issues/9251",
    status: 400,
    body: '[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]',
    is: { code: "auth", retryable: false },
  },
  {
    name: "kind 4, too many requests on this day",
    source: "https://github.com/itcon-pty-au/stremio-ai-search/issues/147",
    status: 429,
    body: JSON.stringify([{ error: PER_DAY }]),
    is: { code: "quota", retryable: false },
  },
  {
    name: "kind 4, too many requests in this minute, in nearly the same words",
    source: "https://ai.google.dev/gemini-api/docs/rate-limits",
    status: 429,
    body: perMinute,
    is: { code: "rate_limit", retryable: true },
  },
  {
    name: "kind 4, no system role",
    source: "https://github.com/QuantumNous/new-api/issues/989",
    status: 400,
    body: error("Developer instruction is not enabled for models/gemma-3-27b-it", { code: 400 }),
    is: { code: "unsupported" },
  },
  {
    name: "kind 2, no finish reason but one of another spelling",
    source: "https://github.com/jakobdylanc/llmcord/issues/84",
    body: stream(delta("wh"), { choices: [{ index: 0, delta: { content: "ole" }, finishReason: "stop" }] }),
    is: "whole",
  },
  {
    name: "kind 4, a model that is not there",
    source: "https://github.com/piersolenski/wtf.nvim/issues/64",
    status: 404,
    body: '[{"error":{"code":404,"message":"models/m is not found for API version v1main, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.","status":"NOT_FOUND"}}]',
    is: { code: "not_found" },
  },
]);

const anthropic = (type: string, message: string): string =>
  JSON.stringify({ type: "error", error: { type, message } });
shapesOf("Anthropic", [
  {
    name: "kind 4, credit that is used up, with the status 400",
    source: "https://github.com/anthropics/claude-code/issues/4684",
    status: 400,
    body: anthropic(
      "invalid_request_error",
      "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
    ),
    is: { code: "quota", retryable: false },
  },
  {
    name: "kind 4, a server that is overloaded, told in the stream",
    source: "https://docs.llmgateway.io/troubleshooting/anthropic-529-overloaded",
    body: `${stream(delta("half"))}event: error\ndata: ${anthropic("overloaded_error", "Overloaded")}\n\n`,
    is: { code: "busy", retryable: true },
  },
  {
    name: "kind 4, a model that is not there",
    source: "https://github.com/anthropics/anthropic-sdk-typescript/issues/690",
    status: 404,
    body: anthropic("not_found_error", "model: invalid-model"),
    is: { code: "not_found" },
  },
  {
    name: "kind 4, a model that is not there, in other words",
    source: "https://github.com/anthropics/anthropic-sdk-typescript/issues/690",
    status: 404,
    body: anthropic("not_found_error", "Not found"),
    is: { code: "not_found" },
  },
  {
    name: "kind 4, roles that do not alternate",
    source: "https://github.com/lobehub/lobehub/issues/1496",
    status: 400,
    body: anthropic(
      "invalid_request_error",
      'messages: roles must alternate between "user" and "assistant", but found multiple "assistant" roles in a row',
    ),
    is: { code: "unsupported" },
  },
  {
    name: "kind 4, a wrong key",
    source: "https://github.com/ITSpecialist111/ai_automation_suggester/issues/153",
    status: 401,
    body: anthropic("authentication_error", "invalid x-api-key"),
    is: { code: "auth" },
  },
]);
