/**
 * One request to the client–server API with the appservice's token. Every answer is a value: no answer within a minute,
 * a refusal and a body that cannot be read are errors with a status, never exceptions.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#standard-error-response
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Request } from "#core/protocol/client/request.ts";
import type { HomeserverError } from "#core/protocol/errcode.ts";
import type { UserId } from "#core/protocol/ids.ts";
import { isObject, parseJson } from "#core/protocol/json.ts";
import { err } from "#core/result.ts";
import type { Answer, Ask } from "#ports/homeserver.ts";

/**
 * The user a request is made as, and its device. Without one it is the appservice's own.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#identity-assertion
 */
export interface Identity {
  userId: UserId;
  deviceId?: string;
}
/** Never rejects: no answer is an error with status 0. */
export type Call = <Value>(request: Request<Value>, identity?: Identity) => Promise<Answer<Value>>;

interface Needs {
  /** Where the homeserver is, without a slash at its end; rejects with a sentence when that cannot be found out. */
  url: () => Promise<string>;
  asToken: string;
  ask: Ask;
}

export function clientServer({ url, asToken, ask }: Needs): Call {
  return async (request, identity) => {
    const { method, path, body, contentType = "application/json", answerMsMax } = request;
    const search = searchOf({ ...identityQuery(identity), ...request.query });
    try {
      const response = await ask(`${await url()}${path}${search ? `?${search}` : ""}`, {
        method,
        headers: { authorization: `Bearer ${asToken}`, ...(body === undefined ? {} : { "content-type": contentType }) },
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(answerMsMax ?? BOUNDS.answerTime.max),
      });
      const { status } = response;
      const json = parseJson(await response.text());
      return status >= 200 && status < 300
        ? read(request, status, json)
        : err(refusal(status, json, response.header("retry-after")));
    } catch (error) {
      return err({ status: 0, errcode: "M_UNREACHABLE", message: reasonOf(error) });
    }
  };
}

const identityQuery = (identity: Identity | undefined): Record<string, string> =>
  identity === undefined
    ? {}
    : { user_id: identity.userId, ...(identity.deviceId === undefined ? {} : { device_id: identity.deviceId }) };

const searchOf = (query: NonNullable<Request<unknown>["query"]>): string =>
  new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      (typeof value === "string" ? [value] : value).map((one): [string, string] => [name, one]),
    ),
  ).toString();

function read<Value>(request: Request<Value>, status: number, json: unknown): Answer<Value> {
  if (!isObject(json)) return err({ status, errcode: "M_NOT_JSON", message: "no JSON object" });
  const answer = request.answer(json);
  // The homeserver or a proxy is at fault, so it counts as a bad gateway: another try may succeed.
  return answer.ok ? answer : err({ status: 502, errcode: "M_UNKNOWN", message: answer.error });
}

/** Statuses with which a proxy refuses a request for its size. Another try would be refused as well. */
const TOO_LARGE = new Set([413, 414, 431]);

/**
 * An error without a JSON object is a proxy's page: the homeserver did not say that something is missing or forbidden. It
 * counts as a bad gateway, as another try may succeed.
 */
function refusal(status: number, json: unknown, retryAfter: string | null): HomeserverError {
  const body = isObject(json) ? json : undefined;
  const wait = retryAfterOf(retryAfter, body?.["retry_after_ms"]);
  if (body) {
    // Both are logged with each attempt, and may be another server's, of any length.
    const errcode = textOf(body["errcode"], BOUNDS.id.max) || "M_UNKNOWN";
    return { status, errcode, message: textOf(body["error"], BOUNDS.errorText.max), ...wait };
  }
  const isPassed = status >= 500 || status === 429 || TOO_LARGE.has(status);
  return { status: isPassed ? status : 502, errcode: "M_UNKNOWN", message: `${status} without a JSON object`, ...wait };
}

const textOf = (value: unknown, lengthMax: number): string =>
  typeof value === "string" ? value.slice(0, lengthMax).toWellFormed() : "";

function retryAfterOf(header: string | null, inBody: unknown): Pick<HomeserverError, "retryAfterMs"> {
  if (header && /^\d+$/.test(header)) return { retryAfterMs: Number(header) * 1_000 };
  return typeof inBody === "number" ? { retryAfterMs: inBody } : {};
}

/** `fetch` says "fetch failed" for everything; its cause says whether the name is unknown or the connection refused. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "no answer";
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
