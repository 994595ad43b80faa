/** Answers of servers that people run themselves, each with its source. */
import { DONE, delta, error, shapesOf, stream } from "./shapes.suite.ts";

shapesOf("llama.cpp", [
  {
    name: "kind 6, a model that is being loaded",
    source: "https://github.com/mostlygeek/llama-swap/issues/146",
    status: 503,
    body: '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
    is: { code: "loading" },
  },
  {
    name: "kind 4, a conversation that is too long",
    source: "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
    status: 400,
    body: '{"error":{"code":400,"message":"request (4476 tokens) exceeds the available context size (4096 tokens)","type":"exceed_context_size_error","n_prompt_tokens":4476,"n_ctx":4096}}',
    is: { code: "context_length", retryable: false },
  },
  {
    name: "kind 1, progress and timings between the deltas",
    source: "https://github.com/ggml-org/llama.cpp/pull/15827",
    body: stream(
      { choices: [], prompt_progress: { total: 237, cache: 0, processed: 128, time_ms: 181 } },
      { choices: [{ finish_reason: null, index: 0, delta: { role: "assistant", content: null } }] },
      delta("whole"),
      { choices: [{ finish_reason: "stop", index: 0, delta: {} }], timings: { prompt_n: 1, predicted_ms: 661.064 } },
      { choices: [], usage: { completion_tokens: 1, prompt_tokens: 43, total_tokens: 44 } },
      DONE,
    ),
    is: "whole",
  },
  {
    name: "kind 4, a template that wants alternating roles",
    source: "https://github.com/janhq/jan/issues/6254",
    status: 500,
    body: error("Conversation roles must alternate user/assistant/user/assistant/... at row 19, column 27", {
      code: 500,
    }),
    is: { code: "unsupported", retryable: false },
  },
  {
    name: "kind 2, the limit is reached with nothing but a thought",
    source: "https://github.com/ggml-org/llama.cpp/issues/12137",
    body: stream(
      { choices: [{ index: 0, delta: { reasoning_content: "hm" }, finish_reason: null }] },
      {
        choices: [{ finish_reason: "length", index: 0, delta: {} }],
        usage: { completion_tokens: 1, prompt_tokens: 43 },
      },
      DONE,
    ),
    is: { ended: "length" },
  },
  {
    name: "kind 4, a model that cannot be loaded is not one that is being loaded",
    source: "https://github.com/continuedev/continue/issues/12713",
    status: 500,
    body: error(
      "llama-server process has terminated: exit status 1: error loading model: llama_model_loader: failed to load model",
    ),
    is: { code: "upstream" },
  },
]);

shapesOf("Ollama", [
  {
    name: "kind 4, a model that is not there",
    source: "https://github.com/netease-youdao/QAnything/issues/555",
    status: 404,
    body: error('model "m" not found, try pulling it first', { type: "api_error", param: null, code: null }),
    is: { code: "not_found", retryable: false },
  },
  {
    name: "kind 4, an address without /v1",
    source: "https://github.com/gin-gonic/gin/blob/master/gin.go",
    status: 404,
    body: "404 page not found",
    is: { code: "bad_address", retryable: false },
  },
  {
    name: "kind 4, more requests than places",
    source: "https://github.com/ollama/ollama/issues/4159",
    status: 503,
    body: '{"error":"server busy, please try again. maximum pending requests exceeded"}',
    is: { code: "busy", retryable: true },
  },
  {
    name: "kind 1, a finish reason that is an empty text",
    source: "https://github.com/ollama/ollama/issues/4357",
    body: stream(delta(" Hello", ""), delta(" there", ""), delta("", "stop"), DONE),
    is: " Hello there",
  },
  {
    name: "kind 1, thoughts in a field of another name",
    source: "https://github.com/dirac-run/dirac/pull/227",
    body: stream({ choices: [{ index: 0, delta: { content: "", reasoning: "We" } }] }, delta("whole", "stop"), DONE),
    is: "whole",
  },
]);

shapesOf("vLLM", [
  {
    name: "kind 4, a model that is not there",
    source: "https://github.com/vllm-project/vllm/issues/3485",
    status: 404,
    body: '{"object":"error","message":"The model `m` does not exist.","type":"NotFoundError","param":null,"code":404}',
    is: { code: "not_found" },
  },
  {
    name: "kind 4, an address without /v1",
    source: "https://github.com/vllm-project/vllm/issues/5082",
    status: 404,
    body: '{"detail":"Not Found"}',
    is: { code: "bad_address" },
  },
  {
    name: "kind 4, a conversation that is too long",
    source: "https://github.com/vllm-project/vllm/issues/20409",
    status: 400,
    body: `{"object":"error","message":"This model's maximum context length is 16384 tokens. However, you requested 19591 tokens (9591 in the messages, 10000 in the completion). Please reduce the length of the messages or completion. None","type":"BadRequestError","param":null,"code":400}`,
    is: { code: "context_length" },
  },
  {
    name: "kind 4, a conversation that leaves no room for an answer",
    source: "https://github.com/vllm-project/vllm/issues/4667",
    status: 400,
    body: '{"object":"error","message":"max_tokens must be at least 1, got -186.","type":"BadRequestError","param":null,"code":400}',
    is: { code: "context_length" },
  },
  {
    name: "kind 2, an abort of the engine is no good end, although [DONE] follows",
    source: "https://github.com/vllm-project/vllm/issues/57082",
    body: stream(delta("half"), delta("", "abort"), DONE),
    is: { code: "upstream", retryable: true },
  },
]);

shapesOf("LM Studio", [
  {
    name: "kind 4, an address without /v1, with the status 200",
    source: "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/618",
    body: '{"error":"Unexpected endpoint or method. (POST /chat/completions)"}',
    is: { code: "bad_address", retryable: false },
  },
  {
    name: "kind 4, a conversation that is too long, told in the stream",
    source: "https://github.com/0xBakeer/inference-atlas/pull/11",
    body: `event: error\n${stream({ error: { message: "The number of tokens to keep from the initial prompt is greater than the context length." } })}`,
    is: { code: "context_length" },
  },
  {
    name: "kind 4, a conversation that is too long, as a text",
    source: "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/546",
    status: 400,
    body: '{"error":"Trying to keep the first 111490 tokens when context the overflows. However, the model is loaded with context length of only 32768 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input"}',
    is: { code: "context_length" },
  },
]);

shapesOf("LocalAI", [
  {
    name: "kind 2, no finish reason in a whole completion",
    source: "https://github.com/mudler/LocalAI/issues/788",
    body: '{"object":"chat.completion","choices":[{"message":{"role":"assistant","content":"This is a test!"}}]}',
    is: "This is a test!",
  },
  {
    name: "kind 1, no finish reason in a stream, and tokens counted in each record",
    source: "https://github.com/mudler/LocalAI/issues/1194",
    body: stream(
      { object: "chat.completion.chunk", choices: [{ delta: { role: "assistant" } }], usage: { prompt_tokens: 0 } },
      { object: "chat.completion.chunk", choices: [{ delta: { content: "1" } }], usage: { prompt_tokens: 0 } },
      { object: "chat.completion.chunk", choices: [{ delta: { content: " 2" } }], usage: { prompt_tokens: 0 } },
      DONE,
    ),
    is: "1 2",
  },
  {
    name: "kind 1, a finish reason that is an empty text",
    source: "https://github.com/mudler/LocalAI/issues/5102",
    body: stream(delta("wh", ""), delta("ole", ""), DONE),
    is: "whole",
  },
  {
    name: "kind 4, a model that cannot be loaded",
    source: "https://github.com/mudler/LocalAI/issues/1664",
    status: 500,
    body: '{"error":{"code":500,"message":"could not load model: rpc error: code = Unavailable desc = error reading from server: EOF"}}',
    is: { code: "upstream" },
  },
]);

shapesOf("TGI", [
  {
    name: "kind 4, a conversation that is too long",
    source: "https://github.com/h2oai/h2ogpt/issues/373",
    status: 422,
    body: '{"error":"Input validation error: `inputs` must have less than 2048 tokens. Given: 2222","error_type":"validation"}',
    is: { code: "context_length" },
  },
  {
    name: "kind 4, the same in the stream, with the status 200",
    source: "https://github.com/huggingface/text-generation-inference/issues/2749",
    body: stream({
      error:
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192. Given: 37500 `inputs` tokens and 20 `max_new_tokens`",
      error_type: "validation",
    }),
    is: { code: "context_length" },
  },
  {
    name: "kind 2, no [DONE] behind the finish reason",
    source: "https://github.com/huggingface/text-generation-inference/pull/2221",
    body: stream(delta("whole"), delta("", "eos_token")),
    is: "whole",
  },
  {
    name: "kind 6, a model that is being loaded",
    source: "https://github.com/huggingface/transformers/issues/23793",
    status: 503,
    body: '{"error":"Model m is currently loading","estimated_time":20.0}',
    is: { code: "loading", retryAfterMs: 20_000 },
  },
]);

shapesOf("SGLang", [
  {
    name: "kind 4, a conversation that is too long",
    source: "https://github.com/QwenLM/Qwen3/issues/1321",
    status: 400,
    body: '{"object":"error","message":"The input (61709 tokens) is longer than the model\'s context length (40960 tokens).","type":"BadRequestError","param":null,"code":400}',
    is: { code: "context_length" },
  },
  {
    name: "kind 4, a full queue, told in the stream",
    source: "https://github.com/can1357/oh-my-pi/issues/9812",
    body: stream(
      {
        error: {
          object: "error",
          message: "The request queue is full.",
          type: "SERVICE_UNAVAILABLE",
          param: null,
          code: 503,
        },
      },
      DONE,
    ),
    is: { code: "busy", retryable: true },
  },
  {
    name: "kind 2, a request that the scheduler aborted",
    source: "https://github.com/sgl-project/sglang/pull/19357",
    body: stream(delta("", "abort"), DONE),
    is: { code: "upstream" },
  },
]);

shapesOf("KoboldCpp", [
  {
    name: "kind 4, a server that is busy",
    source: "https://github.com/LostRuins/koboldcpp/issues/1189",
    status: 503,
    body: '{"detail":{"msg":"Server is busy; please try again later.","type":"service_unavailable"}}',
    is: { code: "busy", retryable: true },
  },
  {
    name: "kind 4, a failure with the status 200",
    source: "https://github.com/LostRuins/koboldcpp/issues/2481",
    body: '{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"error"}]}',
    is: { code: "upstream", retryable: true },
  },
  {
    name: "kind 2, no finish reason but [DONE]",
    source: "https://github.com/PowerShell/AIShell/issues/350",
    body: `event: message\n${stream({ choices: [{ index: 0, finish_reason: null, delta: { content: "whole" } }] })}event: message\n${stream(DONE)}`,
    is: "whole",
  },
]);
