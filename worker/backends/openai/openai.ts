/**
 * A backend for every server with OpenAI's chat completions API: Ollama, vLLM, llama.cpp, LM Studio, OpenRouter and
 * others. It uses the AI SDK, which is loaded with the first turn. The ledger keeps the history; each turn sends as much
 * of it as the budget allows. What a server refuses is left out, and kept in mind.
 */
import { BOUNDS } from "#core/bounds.ts";
import { messageOf } from "#core/result.ts";
import type { Backend, InputMessage, TurnContext, TurnEvent, TurnMeta, TurnRequest } from "#core/turn/backend.ts";
import type { Learnt } from "#core/turn/learnt.ts";
import { addressOf } from "./address.ts";
import { asking, type Ending } from "./asking.ts";
import { wellFormed } from "./events.ts";
import { failureOfConnection } from "./failure/failure.ts";
import { type Conversation, conversationOf } from "./request/conversation.ts";
import { type Asked, learntFrom, leavingOut } from "./request/left-out.ts";
import { resolve, type Settings } from "./settings.ts";

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

/** The events of a turn up to its ending: a `finish`, an `abort` or an `error`. */
async function* talk(spec: Settings, request: TurnRequest, context: TurnContext): AsyncGenerator<TurnEvent> {
  const settings = resolve(spec, request.model, context);
  if ("type" in settings) return yield settings;
  const history = await Promise.race([request.history(), stopped(context.signal)]).catch(asError);
  if (context.signal.aborted) return yield { type: "abort" };
  if (history instanceof Error) return yield failureOfConnection(history, { secrets: [] }).event;
  const heard: Heard = { isAny: false, usage: {} };
  const { ending, learnt } = yield* askUntilTaken({ settings, request, history }, context, heard);
  if (context.signal.aborted) return yield { type: "abort" };
  if (learnt !== context.learnt && isProven(ending)) await context.learn(learnt);
  yield endOf(ending, heard.usage);
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(messageOf(error)));

/** The server took what it was asked, or said again that it was too long: no part was left out in vain. */
const isProven = (ending: Ending): boolean => "finishReason" in ending || ending.event.code === "context_length";

interface Heard {
  /** Some of the answer was passed on. */
  isAny: boolean;
  usage: TurnMeta["usage"];
  /** What the SDK says of a request that failed. */
  error?: unknown;
}

interface Order {
  settings: Settings;
  request: TurnRequest;
  history: readonly InputMessage[];
}

/** Asks again without what the server refuses. What is too long is asked once more only; the next turn begins with less. */
async function* askUntilTaken(
  order: Order,
  context: TurnContext,
  heard: Heard,
): AsyncGenerator<TurnEvent, { ending: Ending; learnt: Learnt }> {
  const giveUpAtMs = context.now() + context.patienceMs;
  let learnt = context.learnt;
  for (let again = 0; ; again++) {
    const patienceMs = Math.max(giveUpAtMs - context.now(), 0);
    const asked = yield* askOnce(order, learnt, { ...context, patienceMs }, heard);
    const isOver = heard.isAny || context.signal.aborted || again >= BOUNDS.askedAnew.max;
    const next = isOver ? undefined : learntFrom(learnt, asked);
    const wasFitted = learnt.contextTokens !== context.learnt.contextTokens;
    const isFittedAgain = wasFitted && next?.contextTokens !== learnt.contextTokens;
    learnt = next ?? learnt;
    if (!next || isFittedAgain) return { ending: asked.ending, learnt };
  }
}

async function* askOnce(
  { settings, request, history }: Order,
  learnt: Learnt,
  context: TurnContext,
  heard: Heard,
): AsyncGenerator<TurnEvent, Asked> {
  const refused = new Set([...learnt.leftOut, ...(settings.streamOptions ? [] : ["stream_options"])]);
  const conversation = conversationOf(request, history, {
    historyTokens: settings.historyTokens,
    contextTokens: learnt.contextTokens ?? Number.POSITIVE_INFINITY,
    systemRole: settings.systemRole && !refused.has("system_role"),
  });
  const secrets = [settings.apiKey ?? "", ...addressOf(settings.baseUrl).secrets];
  const asked = asking(context, secrets);
  let sent: ReadonlySet<string> = new Set();
  const fetch = leavingOut(asked.fetch, refused, (parts) => {
    sent = parts;
  });
  let thrown: unknown;
  try {
    yield* pass(await open(settings, request.turnId, conversation, context.signal, fetch), context, heard);
  } catch (error) {
    // On Node the SDK's iterator throws when a request fails.
    thrown = error;
  }
  const ending = asked.ending() ?? failureOfConnection(thrown ?? heard.error ?? "no request was made", { secrets });
  return { ending, sent, conversation };
}

async function* pass(
  stream: AsyncIterable<Streamed>,
  { sleep }: Pick<TurnContext, "sleep">,
  heard: Heard,
): AsyncGenerator<TurnEvent, void> {
  let parts = 0;
  for await (const part of stream) {
    // Parts that are no events of ours are seen by nobody else: calls of tools that nobody asked for.
    if (++parts % BOUNDS.streamEventsAtOnce.max === 0) await sleep(0);
    if (part.type === "finish") heard.usage = usageOf(part.totalUsage);
    if (part.type === "error") heard.error ??= part.error;
    const event = eventOf(part);
    heard.isAny ||= event?.type === "text-delta" || event?.type === "reasoning-delta";
    if (event) yield event;
  }
}

const endOf = (ending: Ending, usage: TurnMeta["usage"] = {}): TurnEvent =>
  "finishReason" in ending
    ? { type: "finish", finishReason: ending.finishReason, messageMetadata: { usage } }
    : ending.event;

async function open(
  settings: Settings,
  turnId: string,
  { instructions, messages }: Conversation,
  abortSignal: AbortSignal,
  fetch: TurnContext["fetch"],
) {
  const [{ streamText }, { createOpenAICompatible }] = await Promise.all([
    import("ai"),
    import("@ai-sdk/openai-compatible"),
  ]);
  const { url, parameters, authorization } = addressOf(settings.baseUrl);
  const { apiKey, maxTokens, temperature } = settings;
  const provider = createOpenAICompatible({
    name: "openai",
    baseURL: url,
    queryParams: parameters,
    ...(apiKey === undefined ? {} : { apiKey }),
    includeUsage: true,
    // Most servers ignore it. One that does not can repeat a lost answer without running the model again.
    headers: { "idempotency-key": turnId, ...(authorization === undefined ? {} : { authorization }) },
    fetch,
  });
  const result = streamText({
    model: provider(settings.model),
    ...(instructions === undefined ? {} : { instructions }),
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    messages,
    abortSignal,
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
