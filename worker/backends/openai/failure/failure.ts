/** What went wrong with a request: a code, whether and when to ask again, and a text for the log. */

import { BOUNDS } from "#core/bounds.ts";
import { withoutSecrets } from "#core/configuration/url-secrets.ts";
import { messageOf } from "#core/result.ts";
import type { ErrorCode, TurnEvent } from "#core/turn/backend.ts";
import { fieldOf, textAt } from "../answer/fields.ts";
import { causeOf } from "./causes.ts";
import { type Complaint, contextTokensIn, waitIn } from "./complaint.ts";
import { type UnsupportedPart, unsupportedPart } from "./unsupported.ts";

/** The `error` event, and what can be done about it in another request. */
export interface Failure {
  event: Extract<TurnEvent, { type: "error" }>;
  /** With the code `unsupported`: the part that is to be left out. */
  part?: UnsupportedPart;
  /** With the code `context_length`: how many tokens the server says that the model holds, where it does. */
  contextTokens?: number;
}

/** What is needed to write an error's text. It never contains one of the secrets. */
export interface Writing {
  secrets: readonly string[];
  nowMs: number;
}

const RETRYABLE = new Set<ErrorCode>(["rate_limit", "busy", "loading", "upstream", "timeout", "disconnected"]);

export function failure(code: ErrorCode, words: string, { secrets }: Pick<Writing, "secrets">): Failure {
  return {
    event: {
      type: "error",
      code,
      retryable: RETRYABLE.has(code),
      // Shortened last: a key that is cut in two would not be replaced.
      errorText: withoutSecrets(words, secrets).slice(0, BOUNDS.errorText.max),
    },
  };
}

/** A failure that the server told, with the headers of its answer. */
export function failureOf(complaint: Complaint, headers: Headers, writing: Writing): Failure {
  const { status, words } = complaint;
  const code = causeOf(complaint);
  const told = failure(code, [status ?? "", words].join(" ").trim(), writing);
  const retryAfterMs = waitOf(headers, writing.nowMs) ?? waitIn(complaint);
  if (status !== undefined) told.event.status = status;
  if (retryAfterMs !== undefined) told.event.retryAfterMs = retryAfterMs;
  if (code === "unsupported") return { ...told, ...defined("part", unsupportedPart(complaint)) };
  return code === "context_length" ? { ...told, ...defined("contextTokens", contextTokensIn(complaint)) } : told;
}

const defined = <Key extends string, Value>(key: Key, value: Value | undefined) =>
  value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);

/** A failure without an answer: the server could not be reached, or its connection broke. */
export function failureOfConnection(error: unknown, writing: Pick<Writing, "secrets">): Failure {
  const [code, retryable] = connectionCause(error);
  const { event } = failure(code, textOfCauses(error), writing);
  return { event: { ...event, retryable } };
}

/** Names that do not exist, certificates that do not fit, and servers that speak no HTTP. */
const WRONG_ADDRESS =
  /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO|HPE_|ERR_INVALID_URL|HOSTNAME_MISMATCH)/;

function connectionCause(error: unknown): [code: ErrorCode, retryable: boolean] {
  for (const cause of causesOf(error)) {
    const code = textAt(cause, "code");
    // Also what a resolver says while it has no connection itself.
    if (code === "ENOTFOUND") return ["bad_address", true];
    if (WRONG_ADDRESS.test(code)) return ["bad_address", false];
  }
  return ["disconnected", true];
}

function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (
    let cause = error;
    cause !== undefined && causes.length < BOUNDS.errorCauses.max;
    cause = fieldOf(cause, "cause")
  ) {
    causes.push(cause);
  }
  return causes;
}

/** An error of `fetch` says "fetch failed"; its causes say why. */
const textOfCauses = (error: unknown): string => [...new Set(causesOf(error).map(messageOf))].join(": ");

/**
 * `Retry-After` in milliseconds from now; it is a number of seconds or a date. `retry-after-ms` is OpenAI's.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
function waitOf(headers: Headers, nowMs: number): number | undefined {
  const ms = headers.get("retry-after-ms");
  if (ms !== null && /^\d+(\.\d+)?$/.test(ms)) return Math.ceil(Number(ms));
  const header = headers.get("retry-after");
  if (header === null) return undefined;
  // Tested first, because `Date.parse` reads "1.5" as a date.
  if (/^\d+(\.\d+)?$/.test(header)) return Math.ceil(Number(header) * 1_000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(at - nowMs, 0);
}
