/** What went wrong with a request, out of what the AI SDK throws: a code, whether to ask again, when, and why for the log. */
import * as z from "zod/v4";
import type { ErrorCode, TurnEvent } from "#core/backend.ts";

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

/** `AI_APICallError`, alone or as the last of an `AI_RetryError`. */
const CallError = z.object({
  statusCode: z.number().optional().catch(undefined),
  responseHeaders: z.record(z.string(), z.string()).optional().catch(undefined),
  responseBody: z.string().optional().catch(undefined),
  lastError: z.unknown().optional(),
});

export function failureOf(error: unknown, apiKey: string | undefined): Failure {
  const call = CallError.safeParse(error).data;
  if (call?.lastError) return failureOf(call.lastError, apiKey);
  const status = call?.statusCode;
  const code = status === undefined || status < 400 ? "disconnected" : codeOf(status);
  const retryAfterMs = waitOf(call?.responseHeaders?.["retry-after"]);
  const said = `${sentenceOf(error)} ${call?.responseBody ?? ""}`.trim().slice(0, ERROR_TEXT_MAX);
  return {
    type: "error",
    code,
    retryable: RETRYABLE.has(code),
    errorText: apiKey ? said.replaceAll(apiKey, "[…]") : said,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

const codeOf = (status: number): ErrorCode => CODES[status] ?? (status >= 500 ? "upstream" : "bad_request");

const sentenceOf = (error: unknown): string => {
  if (error instanceof Error) return error.message;
  return typeof error === "string" ? error : JSON.stringify(error);
};

/** Seconds, or a date: then what is left until it. */
function waitOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(at - Date.now(), 0);
}
