/**
 * Errors: those we answer a homeserver with, and those it answers us with.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#unknown-routes
 */
const STATUS = {
  M_UNAUTHORIZED: 401,
  M_FORBIDDEN: 403,
  M_NOT_FOUND: 404,
  M_NOT_JSON: 400,
  M_BAD_JSON: 400,
  M_TOO_LARGE: 413,
  M_UNKNOWN: 500,
} as const;

export type Errcode = keyof typeof STATUS;

/** The status and body of an error that we answer. */
export const matrixError = (errcode: Errcode, error: string) => ({ status: STATUS[errcode], body: { errcode, error } });

/** One code with two meanings: an unknown path (404), and a known path with a method it does not have (405). */
export const unrecognized = (status: 404 | 405) => ({
  status,
  body: { errcode: "M_UNRECOGNIZED", error: status === 404 ? "Unknown path" : "Wrong method" },
});

/** Why the homeserver did not do what a request asked. */
export interface HomeserverError {
  /** 0 when there was no answer. */
  status: number;
  errcode: string;
  message: string;
  retryAfterMs?: number;
}

/** True where another try may succeed: no answer, a homeserver in trouble, a rate limit, a wrong token. */
export const isPassing = ({ status, errcode }: HomeserverError): boolean =>
  status === 0 || status >= 500 || status === 429 || errcode === "M_NOT_JSON" || isBadToken(errcode);

/** True where the homeserver says that there is no such thing. A proxy that does not find the homeserver says only 404. */
export const isMissing = ({ status, errcode }: HomeserverError): boolean => status === 404 && errcode === "M_NOT_FOUND";

/**
 * True where the homeserver does not know the user or the device a request is made as. Before 1.163 Synapse named the
 * second error by its proposal.
 *
 * @see https://github.com/matrix-org/matrix-spec-proposals/pull/4326
 */
export const isGone = ({ errcode, message }: HomeserverError): boolean =>
  errcode.endsWith("M_UNKNOWN_DEVICE") ||
  (errcode === "M_FORBIDDEN" && message.includes("has not registered this user"));

/** A wrong token is the operator's mistake, which will be corrected. */
export const isBadToken = (errcode: string): boolean => errcode === "M_UNKNOWN_TOKEN" || errcode === "M_MISSING_TOKEN";
