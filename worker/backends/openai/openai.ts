/**
 * A backend for every server with OpenAI's chat completions API: Ollama, vLLM, llama.cpp, LM Studio, OpenRouter and
 * others. It uses the AI SDK, which is loaded with the first turn. The ledger keeps the history; each turn sends as much
 * of it as the budget allows.
 */
import * as z from "zod/v4";
import { BOUNDS } from "#core/bounds.ts";
import { isReference } from "#core/configuration/secret-names.ts";
import type { Backend, InputMessage, TurnContext, TurnEvent, TurnMeta, TurnRequest } from "#core/turn/backend.ts";
import { asName, asSpokenLine, HOW_TO_READ_SPOKEN_LINES } from "#core/turn/quoting.ts";
import { addressOf } from "./address.ts";
import { type Asking, asking, type Ending } from "./asking.ts";
import { trimToBudget } from "./budget.ts";
import { wellFormed } from "./events.ts";
import { failureOfConnection } from "./failure/failure.ts";

const HISTORY_TOKENS = 8_000;

export const OpenAi = z.strictObject({
  use: z.literal("openai"),
  /** Including the `/v1` at its end. */
  baseUrl: z.string().min(1),
  apiKey: z.string().min(1).optional(),
  model: z.string().min(1),
  /** The most tokens of the conversation that are sent with a turn, estimated. */
  historyTokens: z.number().int().min(100).max(1_000_000).default(HISTORY_TOKENS),
});
type Settings = z.infer<typeof OpenAi>;

export const openai = (settings: Settings): Backend => ({
  capabilities: {
    history: "client",
    context: true,
    streaming: true,
    reasoning: true,
    cancel: "disconnect",
    idempotent: false,
  },
  async *startTurn(request, context): AsyncGenerator<TurnEvent> {
    yield { type: "start" };
    // A reader that stops early closes the connection: otherwise a server that never ends would be read for ever.
    const hangUp = new AbortController();
    const signal = AbortSignal.any([context.signal, hangUp.signal]);
    try {
      yield* wellFormed(talk(settings, request, { ...context, signal }));
    } finally {
      hangUp.abort();
    }
  },
});

const notConfigured = (errorText: string): TurnEvent => ({
  type: "error",
  code: "not_configured",
  retryable: false,
  errorText,
});

/**
 * Replaces each `$NAME` by the variable of that name when the turn starts, so that no secret is stored in the ledger.
 * The turn's own `model` is not looked up: it may have been chosen in a room, and rooms must not read the environment.
 */
function resolve(settings: Settings, model: string, { env }: TurnContext): Settings | TurnEvent {
  const resolved = { ...settings, ...(model === "" ? {} : { model }) };
  for (const key of ["baseUrl", "apiKey", ...(model === "" ? (["model"] as const) : [])] as const) {
    const reference = settings[key];
    if (reference === undefined || !isReference(reference)) continue;
    const value = env(reference.slice(1));
    if (value === undefined) return notConfigured(`${reference} (${key}) is not set in the bridge's environment`);
    resolved[key] = value;
  }
  if (!/^https?:\/\//.test(resolved.baseUrl) || !URL.canParse(resolved.baseUrl)) {
    return notConfigured("baseUrl is not a URL that begins with http:// or https://");
  }
  if (resolved.apiKey !== undefined && addressOf(resolved.baseUrl).authorization !== undefined) {
    return notConfigured("baseUrl has a user or a password, and there is an apiKey too: only one of them can be sent");
  }
  return resolved;
}

/** The events of a turn up to its ending: a `finish`, an `abort` or an `error`. */
async function* talk(spec: Settings, request: TurnRequest, context: TurnContext): AsyncGenerator<TurnEvent> {
  const settings = resolve(spec, request.model, context);
  if ("type" in settings) return yield settings;
  const secrets = [settings.apiKey ?? "", ...addressOf(settings.baseUrl).secrets];
  const asked = asking(context, secrets);
  let usage: TurnMeta["usage"];
  let thrown: unknown;
  try {
    let parts = 0;
    for await (const part of await open(settings, request, context, asked)) {
      // Parts that are no events of ours are seen by nobody else: calls of tools that nobody asked for.
      if (++parts % BOUNDS.streamEventsAtOnce.max === 0) await context.sleep(0);
      if (part.type === "finish") usage = usageOf(part.totalUsage);
      if (part.type === "error") thrown ??= part.error;
      const event = eventOf(part);
      if (event) yield event;
    }
  } catch (error) {
    // On Node the SDK's iterator throws when a request fails.
    thrown ??= error;
  }
  if (context.signal.aborted) return yield { type: "abort" };
  const ending = asked.ending() ?? failureOfConnection(thrown ?? "no request was made", { secrets });
  yield endOf(ending, usage);
}

const endOf = (ending: Ending, usage: TurnMeta["usage"] = {}): TurnEvent =>
  "finishReason" in ending
    ? { type: "finish", finishReason: ending.finishReason, messageMetadata: { usage } }
    : ending.event;

async function open(settings: Settings, request: TurnRequest, { signal }: TurnContext, { fetch }: Asking) {
  const [{ streamText }, { createOpenAICompatible }] = await Promise.all([
    import("ai"),
    import("@ai-sdk/openai-compatible"),
  ]);
  const { url, parameters, authorization } = addressOf(settings.baseUrl);
  const provider = createOpenAICompatible({
    name: "openai",
    baseURL: url,
    queryParams: parameters,
    ...(settings.apiKey === undefined ? {} : { apiKey: settings.apiKey }),
    includeUsage: true,
    // Most servers ignore it. One that does not can repeat a lost answer without running the model again.
    headers: { "idempotency-key": request.turnId, ...(authorization === undefined ? {} : { authorization }) },
    fetch,
  });
  const history = await Promise.race([request.history(), stopped(signal)]);
  const said = (message: InputMessage) => spoken(message, request.room.direct);
  const question = [...contextOf(request), ...request.input.map(said)];
  const messages = trimToBudget([...history.map(said), ...question], settings.historyTokens, question.length);
  const past = messages.slice(0, messages.length - question.length);
  const result = streamText({
    model: provider(settings.model),
    instructions: instructions(request),
    messages: [
      ...past.map((message) => ({ role: message.role, content: textOf(message) })),
      // One message, because many models' templates require that user and assistant alternate.
      { role: "user" as const, content: question.map(textOf).join("\n\n") },
    ],
    abortSignal: signal,
    // The turn decides on a retry, and records it in the ledger first.
    maxRetries: 0,
    // By default the SDK prints errors; here they become events.
    onError: () => undefined,
  });
  return result.stream;
}

const stopped = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = () => reject(new Error("stopped"));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });

/** The turn's context as a message. It has no sender, because it quotes the room. */
const contextOf = ({ context }: TurnRequest): InputMessage[] =>
  context === "" ? [] : [{ role: "user", id: "context", parts: [{ type: "text", text: context }], ts: 0 }];

const instructions = (request: TurnRequest): string =>
  [request.instructions, ownInstructions(request)].filter((text) => text !== "").join("\n\n");

/** The name is quoted: the part of it that a family's member has of its own was chosen by whoever invited it. */
const ownInstructions = ({ agentName, room }: TurnRequest): string =>
  [
    `You are an assistant in a Matrix chat${room.direct ? "" : " with several people"}. Your name there is in this JSON object, and is only a name: ${asName(agentName)}.`,
    ...(room.direct ? [] : [HOW_TO_READ_SPOKEN_LINES]),
    `Answer in Markdown${room.direct ? "" : ", not in JSON"}.`,
  ].join(" ");

const textOf = ({ parts }: InputMessage): string => parts.map((part) => part.text).join("\n");

/** The message as the model gets it: in a room with several people its text says who wrote it. */
function spoken(message: InputMessage, direct: boolean): InputMessage {
  const { role, sender } = message;
  if (role === "assistant" || direct || !sender) return message;
  return { ...message, parts: [{ type: "text", text: asSpokenLine(sender.userId, textOf(message)) }] };
}

type Streamed = Awaited<ReturnType<typeof open>> extends AsyncIterable<infer Part> ? Part : never;

/** The ending is not the SDK's: it knows only those that OpenAI has. A text ends with the answer, not before a thought. */
function eventOf(part: Streamed): TurnEvent | undefined {
  switch (part.type) {
    case "text-start":
    case "reasoning-start":
    case "reasoning-end":
      return { type: part.type, id: part.id };
    case "text-delta":
    case "reasoning-delta":
      return { type: part.type, id: part.id, delta: part.text };
    case "start-step":
    case "finish-step":
      return { type: part.type };
    default:
      return undefined;
  }
}

type Usage = NonNullable<TurnMeta["usage"]>;

/** The tokens that the server counted; many servers count none. */
const usageOf = ({ inputTokens, outputTokens, totalTokens }: { [key in keyof Usage]: number | undefined }): Usage => ({
  ...(inputTokens === undefined ? {} : { inputTokens }),
  ...(outputTokens === undefined ? {} : { outputTokens }),
  ...(totalTokens === undefined ? {} : { totalTokens }),
});
