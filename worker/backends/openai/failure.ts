/** What went wrong with a request, out of what the AI SDK throws: a code, whether to ask again, when, and why for the log. */
import * as z from "zod/v4";
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
const ERROR_TEXT_MAX = 500;

/** The server did answer, but with something else than an answer: an error in mid-stream, or no JSON that we know. */
const NONSENSE = new Set(["AI_StreamProviderError", "AI_JSONParseError", "AI_TypeValidationError"]);

/** `AI_APICallError`, alone or as the last of an `AI_RetryError`. */
const CallError = z.object({
  name: z.string().optional().catch(undefined),
  statusCode: z.number().optional().catch(undefined),
  responseHeaders: z.record(z.string(), z.string()).optional().catch(undefined),
  responseBody: z.string().optional().catch(undefined),
  lastError: z.unknown().optional(),
});

export function failureOf(error: unknown, apiKey: string | undefined, nowMs: number): Failure {
  const call = CallError.safeParse(error).data;
  if (call?.lastError) return failureOf(call.lastError, apiKey, nowMs);
  // A connection that is cut in mid-stream still bears the 200 it began with.
  const status = call?.statusCode !== undefined && call.statusCode >= 300 ? call.statusCode : undefined;
  const code = codeOf(status, call?.name);
  const retryAfterMs = waitOf(call?.responseHeaders?.["retry-after"], nowMs);
  const said = `${sentenceOf(error)} ${call?.responseBody ?? ""}`.trim();
  return {
    type: "error",
    code,
    retryable: RETRYABLE.has(code),
    // Cut last: a key that the cut went through would no longer be recognised.
    errorText: (apiKey ? said.replaceAll(apiKey, "[…]") : said).slice(0, ERROR_TEXT_MAX),
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function codeOf(status: number | undefined, name: string | undefined): ErrorCode {
  if (status === undefined) return name !== undefined && NONSENSE.has(name) ? "upstream" : "disconnected";
  return CODES[status] ?? (status >= 500 ? "upstream" : "bad_request");
}

const sentenceOf = (error: unknown): string => {
  if (error instanceof Error) return error.message;
  return typeof error === "string" ? error : JSON.stringify(error);
};

/** Seconds, or a date: then what is left until it. */
function waitOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  // Before the date: `Date.parse` takes even "1.5" for one.
  if (/^\d+(\.\d+)?$/.test(header)) return Math.ceil(Number(header) * 1_000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(at - nowMs, 0);
}
