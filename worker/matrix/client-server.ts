/**
 * One request to the client–server API with the appservice's token. An answer is a value, whatever it is: no answer
 * within a minute, a refusal and a body that is no JSON are errors with a status, never exceptions.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#standard-error-response
 */
import * as z from "zod/v4";
import type { JsonObject } from "#core/protocol/event.ts";
import { err, ok } from "#core/result.ts";
import type { Fetch } from "#core/turn/backend.ts";
import type { Answer, Ask } from "#ports/homeserver.ts";

export interface Request {
  method: "GET" | "PUT" | "POST";
  /** From `/_matrix` on. */
  path: string;
  query?: Record<string, string | readonly string[]>;
  body?: string | Uint8Array<ArrayBuffer>;
  contentType?: string;
}
export type Call = (request: Request) => Promise<Answer>;

/** Longer than Synapse takes for its slowest join, shorter than a lane's patience. */
const ANSWER_MS_MAX = 60_000;

const ErrorBody = z.object({
  errcode: z.string().catch("M_UNKNOWN"),
  error: z.string().catch(""),
  retry_after_ms: z.number().optional().catch(undefined),
});
const ObjectBody = z.record(z.string(), z.json());

interface Needs {
  /** Where the homeserver is, without a slash at its end; rejects with a sentence when that cannot be found out. */
  url: () => Promise<string>;
  asToken: string;
  ask: Ask;
}

export function clientServer({ url, asToken, ask }: Needs): Call {
  return async ({ method, path, query = {}, body, contentType = "application/json" }) => {
    const search = searchOf(query);
    try {
      const response = await ask(`${await url()}${path}${search ? `?${search}` : ""}`, {
        method,
        headers: { authorization: `Bearer ${asToken}`, ...(body === undefined ? {} : { "content-type": contentType }) },
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      return read(response.status, await response.text(), response.header("retry-after"));
    } catch (error) {
      return err({
        status: 0,
        errcode: "M_UNREACHABLE",
        message: reasonOf(error),
      });
    }
  };
}

/** A list is the same name several times. */
const searchOf = (query: NonNullable<Request["query"]>): string =>
  new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      (typeof value === "string" ? [value] : value).map((one): [string, string] => [name, one]),
    ),
  ).toString();

/** Asks by way of `fetch`, where a host has nothing better. */
export const asking =
  (fetch: Fetch): Ask =>
  async (url, init) => {
    const response = await fetch(url, init);
    return { status: response.status, header: (name) => response.headers.get(name), text: () => response.text() };
  };

function read(status: number, text: string, retryAfter: string | null): Answer {
  const json = parse(text);
  if (status >= 200 && status < 300) {
    const body = ObjectBody.safeParse(json);
    return body.success ? ok<JsonObject>(body.data) : err({ status, errcode: "M_NOT_JSON", message: "no JSON object" });
  }
  const { errcode, error, retry_after_ms } = ErrorBody.catch({ errcode: "M_UNKNOWN", error: "" }).parse(json);
  const retryAfterMs = retryAfter && /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : retry_after_ms;
  return err({ status, errcode, message: error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is an answer too (a proxy's error page); the status says what it means.
    return undefined;
  }
}

/** "fetch failed" alone helps nobody: its cause says whether the name is unknown or nobody listens. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "no answer";
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
