/** Leaves out of a request what its server does not take, and finds out what that is. */

import { isContainer, parseJson } from "#core/protocol/json.ts";
import type { Fetch } from "#core/turn/backend.ts";
import type { Learnt } from "#core/turn/learnt.ts";
import type { Ending } from "../asking.ts";
import type { Failure } from "../failure/failure.ts";
import type { Conversation } from "./conversation.ts";

/** The two names of one limit: where one is refused the other is used. */
const RENAMED = [
  ["max_tokens", "max_completion_tokens"],
  ["max_completion_tokens", "max_tokens"],
] as const;

/** What means nothing without another field. */
const BELONGS: ReadonlyMap<string, readonly string[]> = new Map([
  ["stream", ["stream_options"]],
  ["tools", ["tool_choice", "parallel_tool_calls"]],
]);

/** The fields of a request's body without those that are refused. */
function withoutRefused(body: object, refused: ReadonlySet<string>): object {
  const given = new Map<string, unknown>(Object.entries(body));
  for (const [name, other] of RENAMED) {
    if (refused.has(name) && !refused.has(other) && given.has(name)) given.set(other, given.get(name));
  }
  for (const name of refused) {
    for (const gone of [name, ...(BELONGS.get(name) ?? [])]) given.delete(gone);
  }
  return Object.fromEntries(given);
}

/** `onSent` is given the names of what is sent. */
export const leavingOut =
  (fetch: Fetch, refused: ReadonlySet<string>, onSent: (parts: ReadonlySet<string>) => void): Fetch =>
  (input, init) => {
    const body = typeof init?.body === "string" ? parseJson(init.body) : undefined;
    if (!isContainer(body)) return fetch(input, init);
    const fields = withoutRefused(body, refused);
    const headers = new Headers(init?.headers);
    if (refused.has(IDEMPOTENCY_KEY)) headers.delete(IDEMPOTENCY_KEY);
    onSent(new Set([...Object.keys(fields), ...(headers.has(IDEMPOTENCY_KEY) ? [IDEMPOTENCY_KEY] : [])]));
    return fetch(input, { ...init, headers, body: JSON.stringify(fields) });
  };
const IDEMPOTENCY_KEY = "idempotency-key";

/** A request that was answered. */
export interface Asked {
  ending: Ending;
  /** The names of what was sent. */
  sent: ReadonlySet<string>;
  conversation: Pick<Conversation, "tokens" | "hasPast" | "instructions">;
}

/** What is known after the answer; undefined where nothing can be left out because of it. */
export function learntFrom(known: Learnt, { ending, sent, conversation }: Asked): Learnt | undefined {
  if ("finishReason" in ending) return undefined;
  if (ending.event.code === "context_length") {
    return conversation.hasPast ? { ...known, contextTokens: fitted(ending, conversation.tokens) } : undefined;
  }
  const part = refusedPart(ending);
  const hasIt = part === "system_role" ? conversation.instructions !== undefined : part && sent.has(part);
  return part && hasIt ? { ...known, leftOut: [...known.leftOut, part] } : undefined;
}

/** A server that names nothing is asked without what the fewest need. */
function refusedPart({ event, part }: Failure): string | undefined {
  if (event.code === "unsupported") return part === "roles" ? "system_role" : (part ?? "stream_options");
  return event.code === "bad_request" && (event.status === 400 || event.status === 422) ? "stream_options" : undefined;
}

/** So much of what the server holds is for the request: its answer needs room too, and tokens are only estimated. */
const SHARE = 0.75;

/** Our estimate may say that it fits, where the server's count does not: then the half of it goes. */
function fitted({ contextTokens }: Failure, tokens: number): number {
  const isCounted = contextTokens !== undefined && contextTokens < tokens;
  return Math.max(Math.floor(isCounted ? contextTokens * SHARE : tokens / 2), 1);
}
