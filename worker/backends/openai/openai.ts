/**
 * Every server that speaks OpenAI's chat completions: Ollama, vLLM, llama.cpp, LM Studio, OpenRouter and the like.
 * The AI SDK does the talking, and is loaded when somebody talks. The ledger keeps the history; each turn sends as much
 * of it as the budget allows.
 */
import * as z from "zod/v4";
import type { Backend, FinishReason, InputMessage, TurnContext, TurnEvent, TurnRequest } from "#core/backend.ts";
import { trimToBudget } from "./budget.ts";
import { failureOf } from "./failure.ts";

const HISTORY_TOKENS = 8_000;

export const OpenAi = z.strictObject({
  use: z.literal("openai"),
  /** Up to and with `/v1`. */
  baseUrl: z.string().min(1),
  apiKey: z.string().min(1).optional(),
  model: z.string().min(1),
  /** How many tokens of the conversation are sent along, estimated. */
  historyTokens: z.number().int().min(100).max(1_000_000).default(HISTORY_TOKENS),
});
type Settings = z.infer<typeof OpenAi>;

export const openai = (settings: Settings): Backend => ({
  capabilities: { history: "client", streaming: true, reasoning: true, cancel: "disconnect", idempotent: false },
  async *startTurn(request, context): AsyncGenerator<TurnEvent> {
    yield { type: "start" };
    const found = resolve(settings, context);
    if ("missing" in found) {
      const errorText = `${found.missing} is not set in the bridge's environment`;
      yield { type: "error", code: "not_configured", retryable: false, errorText };
      return yield { type: "finish", finishReason: "error" };
    }
    yield* talk(found, request, context);
  },
});

/** A value that is nothing but `$NAME` is looked up when the turn starts, so that no secret rests in the ledger. */
function resolve(settings: Settings, { env }: TurnContext): Settings | { missing: string } {
  const resolved = { ...settings };
  for (const key of ["baseUrl", "apiKey", "model"] as const) {
    const name = settings[key]?.match(/^\$([A-Za-z_][A-Za-z0-9_]*)$/)?.[1];
    if (name === undefined) continue;
    const value = env(name);
    if (value === undefined) return { missing: `$${name} (${key})` };
    resolved[key] = value;
  }
  return resolved;
}

async function* talk(settings: Settings, request: TurnRequest, context: TurnContext): AsyncGenerator<TurnEvent> {
  const { signal } = context;
  let ended = false;
  try {
    for await (const event of await open(settings, request, context)) {
      const told = eventOf(event, settings.apiKey);
      if (!told) continue;
      yield told;
      ended ||= told.type === "finish" || told.type === "abort";
      if (told.type === "error") {
        yield { type: "finish", finishReason: "error" };
        return;
      }
      if (ended) return;
    }
  } catch (error) {
    // On Node a stream that is cut makes the SDK's iterator throw.
    if (!signal.aborted) {
      yield failureOf(error, settings.apiKey);
      return yield { type: "finish", finishReason: "error" };
    }
  }
  if (signal.aborted) return yield { type: "abort" };
  yield { type: "error", code: "disconnected", retryable: true, errorText: "the stream ended without a finish" };
  yield { type: "finish", finishReason: "error" };
}

async function open(settings: Settings, request: TurnRequest, { signal, fetch }: TurnContext) {
  const [{ streamText }, { createOpenAICompatible }] = await Promise.all([
    import("ai"),
    import("@ai-sdk/openai-compatible"),
  ]);
  const provider = createOpenAICompatible({
    name: "openai",
    baseURL: settings.baseUrl,
    ...(settings.apiKey === undefined ? {} : { apiKey: settings.apiKey }),
    includeUsage: true,
    fetch,
  });
  const messages = trimToBudget(
    [...(await request.history()), ...request.input],
    settings.historyTokens,
    request.input.length,
  );
  const result = streamText({
    model: provider(settings.model),
    instructions: instructions(request),
    messages: messages.map((message) => ({ role: message.role, content: wordsOf(message, request.room.direct) })),
    abortSignal: signal,
    // The turn decides whether to ask again, and says so in the ledger first.
    maxRetries: 0,
    // The SDK prints what goes wrong unless it is told not to; here it becomes an event.
    onError: () => undefined,
  });
  return result.stream;
}

const instructions = ({ agentName, room }: TurnRequest): string =>
  `You are ${agentName}, an assistant in a Matrix chat${
    room.direct ? "" : " with several people; each message begins with its sender's user id"
  }. Answer in Markdown.`;

function wordsOf({ role, parts, sender }: InputMessage, direct: boolean): string {
  const text = parts.map((part) => part.text).join("\n");
  return role === "assistant" || direct || !sender ? text : `${sender.userId}: ${text}`;
}

type Streamed = Awaited<ReturnType<typeof open>> extends AsyncIterable<infer Part> ? Part : never;

const FINISH: Record<string, FinishReason> = {
  stop: "stop",
  length: "length",
  "content-filter": "content-filter",
  "tool-calls": "tool-calls",
  other: "other",
};

function eventOf(part: Streamed, apiKey: string | undefined): TurnEvent | undefined {
  switch (part.type) {
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-end":
      return { type: part.type, id: part.id };
    case "text-delta":
    case "reasoning-delta":
      return { type: part.type, id: part.id, delta: part.text };
    case "start-step":
    case "finish-step":
      return { type: part.type };
    case "error":
      return failureOf(part.error, apiKey);
    case "abort":
      return { type: "abort" };
    case "finish": {
      const finishReason = FINISH[part.finishReason];
      // A server that closes without saying why has not finished: what came is a part of an answer.
      return finishReason
        ? { type: "finish", finishReason }
        : {
            type: "error",
            code: "disconnected",
            retryable: true,
            errorText: `the answer ended as "${part.finishReason}"`,
          };
    }
    default:
      return undefined;
  }
}
