/**
 * The playground's guide is a script, not a model, and says so. It shows what an agent's answer can look like in a room:
 * growing, long, formatted, failing. The same prompt gets the same answer.
 */
import * as z from "zod/v4";
import { BOUNDS } from "#core/bounds.ts";
import type { Backend, TurnContext, TurnEvent, TurnRequest } from "#core/turn/backend.ts";
import { longText, MARKDOWN, story, WELCOME } from "./texts.ts";

export const Scripted = z.strictObject({ use: z.literal("scripted") });

const WORD_MS = 40;

export const scripted = (): Backend => ({
  capabilities: {
    history: "server",
    context: false,
    streaming: true,
    reasoning: false,
    cancel: "disconnect",
    idempotent: true,
  },
  async *startTurn(request: TurnRequest, context): AsyncGenerator<TurnEvent> {
    yield { type: "start" };
    if (context.signal.aborted) return yield { type: "abort" };
    const text = request.input.at(-1)?.parts.at(-1)?.text ?? "";
    const finishReason = yield* perform(text.trim().toLowerCase(), context);
    if (context.signal.aborted) return yield { type: "abort" };
    yield { type: "finish", finishReason };
  },
});

/** The events of an answer without its ending, and the reason of the ending. */
type Performance = AsyncGenerator<TurnEvent, "stop" | "error">;

async function* perform(text: string, context: TurnContext): Performance {
  const [, word = "", rest = ""] = text.match(/^(\S*)\s*(.*)$/s) ?? [];
  const amount = (otherwise: number, most: number) =>
    Math.min(Math.max(Number.parseInt(rest, 10) || otherwise, 1), most);
  switch (word) {
    case "stream":
      return yield* slowly(story(amount(20, BOUNDS.scriptedSentences.max)), context);
    case "long":
      return yield* whole(longText(amount(100, BOUNDS.scriptedText.max / 1_000)));
    case "markdown":
      return yield* whole(MARKDOWN);
    case "slow":
      await context.sleep(amount(5, BOUNDS.scriptedTime.max / 1_000) * 1_000);
      if (context.signal.aborted) return "stop";
      return yield* whole("That took a while. While you waited, you could see me type.");
    case "error":
      if (rest === "after") yield* slowly(story(3), context);
      // A stopped turn has not failed: its only ending is `abort`.
      if (context.signal.aborted) return "stop";
      yield { type: "error", errorText: "the script was asked to fail", code: "agent", retryable: false };
      return "error";
    default:
      return yield* slowly(WELCOME, context);
  }
}

async function* whole(text: string): Performance {
  yield { type: "text-start", id: "0" };
  yield { type: "text-delta", id: "0", delta: text };
  yield { type: "text-end", id: "0" };
  return "stop";
}

async function* slowly(text: string, { sleep, signal }: TurnContext): Performance {
  yield { type: "text-start", id: "0" };
  for (const delta of text.match(/\s*\S+\s*/g) ?? []) {
    if (signal.aborted) break;
    yield { type: "text-delta", id: "0", delta };
    await sleep(WORD_MS);
  }
  yield { type: "text-end", id: "0" };
  return "stop";
}
