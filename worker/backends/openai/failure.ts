/** Reads errors of the AI SDK: a code, whether and when to retry, and a text for the log. */

import * as z from "zod/v4";
import { BOUNDS } from "#core/bounds.ts";
import { withoutSecrets } from "#core/configuration/url-secrets.ts";
import type { ErrorCode, TurnEvent } from "#core/turn/backend.ts";

type Failure = Extract<TurnEvent, { type: "error" }>;

const CODES: Record<number, ErrorCode> = {
  400: "bad_request",
  401: "auth",
  402: "quota",
  403: "auth",
  404: "not_found",
  408: "timeout",
  409: "busy",
  413: "unsupported_input",
  415: "unsupported_input",
  422: "bad_request",
  429: "rate_limit",
  504: "timeout",
};
const RETRYABLE = new Set<ErrorCode>(["rate_limit", "busy", "upstream", "timeout", "disconnected"]);
/** The server answered, but not with a valid answer: an error in mid-stream, or unknown JSON. */
const INVALID_ANSWERS = new Set(["AI_StreamProviderError", "AI_JSONParseError", "AI_TypeValidationError"]);

/** `AI_APICallError`, alone or as the last of an `AI_RetryError`. */
const CallError = z.object({
  name: z.string().optional().catch(undefined),
  statusCode: z.number().optional().catch(undefined),
  responseHeaders: z.record(z.string(), z.string()).optional().catch(undefined),
  responseBody: z.string().optional().catch(undefined),
  lastError: z.unknown().optional(),
});

/** The `error` event of an error. Its text never contains one of the secrets. */
export function failureOf(error: unknown, secrets: readonly string[], nowMs: number): Failure {
  const call = CallError.safeParse(error).data;
  if (call?.lastError) return failureOf(call.lastError, secrets, nowMs);
  // After a cut in mid-stream the error has the status 200 that the answer began with.
  const status = call?.statusCode !== undefined && call.statusCode >= 300 ? call.statusCode : undefined;
  const code = codeOf(status, call?.name);
  const retryAfterMs = waitOf(call?.responseHeaders?.["retry-after"], nowMs);
  const text = `${sentenceOf(error)} ${call?.responseBody ?? ""}`.trim();
  return {
    type: "error",
    code,
    retryable: RETRYABLE.has(code),
    // Shortened last: a key that is cut in two would not be replaced.
    errorText: withoutSecrets(text, secrets).slice(0, BOUNDS.errorText.max),
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function codeOf(status: number | undefined, name: string | undefined): ErrorCode {
  if (status === undefined) return name !== undefined && INVALID_ANSWERS.has(name) ? "upstream" : "disconnected";
  return CODES[status] ?? (status >= 500 ? "upstream" : "bad_request");
}

/** The SDK says only "Failed to process successful response" for an answer that was broken off at a bound. */
const sentenceOf = (error: unknown): string => {
  if (error instanceof Error && error.cause instanceof Error && !error.message.includes(error.cause.message)) {
    return `${error.message}: ${error.cause.message}`;
  }
  if (error instanceof Error) return error.message;
  return typeof error === "string" ? error : JSON.stringify(error);
};

/**
 * `Retry-After` in milliseconds from now; it is a number of seconds or a date.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
function waitOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  // Tested first, because `Date.parse` reads "1.5" as a date.
  if (/^\d+(\.\d+)?$/.test(header)) return Math.ceil(Number(header) * 1_000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(at - nowMs, 0);
}
