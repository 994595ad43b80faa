/** The smallest backend: answers `echo ` and the prompt, in one piece. */
import * as z from "zod/v4";
import type { Backend, TurnEvent, TurnRequest } from "#core/turn/backend.ts";

export const Echo = z.strictObject({ use: z.literal("echo") });

export const echo = (): Backend => ({
  capabilities: {
    history: "server",
    context: false,
    streaming: false,
    reasoning: false,
    cancel: "disconnect",
    idempotent: true,
  },
  async *startTurn({ input }: TurnRequest, { signal }): AsyncGenerator<TurnEvent> {
    yield { type: "start" };
    if (signal.aborted) return yield { type: "abort" };
    const text = input.map(({ parts }) => parts.map((part) => part.text).join("\n")).join("\n\n");
    yield { type: "text-start", id: "0" };
    yield { type: "text-delta", id: "0", delta: `echo ${text}` };
    yield { type: "text-end", id: "0" };
    yield { type: "finish", finishReason: "stop" };
  },
});
