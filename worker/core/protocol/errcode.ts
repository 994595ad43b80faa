/**
 * The errors we answer a homeserver with, and their status.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#unknown-routes
 */
const STATUS = {
  M_UNAUTHORIZED: 401,
  M_FORBIDDEN: 403,
  M_NOT_FOUND: 404,
  M_NOT_JSON: 400,
  M_BAD_JSON: 400,
  M_UNKNOWN: 500,
} as const;

export type Errcode = keyof typeof STATUS;

export const matrixError = (errcode: Errcode, error: string) => ({ status: STATUS[errcode], body: { errcode, error } });

/** The two that share a code: a path nobody knows, and a known path asked with a method it does not have. */
export const unrecognized = (status: 404 | 405) => ({
  status,
  body: { errcode: "M_UNRECOGNIZED", error: status === 404 ? "Unknown path" : "Wrong method" },
});

/** A request that the homeserver did not do as asked. */
export interface HomeserverError {
  /** 0 when there was no answer. */
  status: number;
  errcode: string;
  message: string;
  retryAfterMs?: number;
}

/** Worth another try: nobody answered, the homeserver is in trouble, or it asks us to wait. */
export const isPassing = ({ status, errcode }: HomeserverError): boolean =>
  status === 0 || status >= 500 || status === 429 || errcode === "M_NOT_JSON" || isBadToken(errcode);

/** A wrong token is the operator's mistake and will be mended: nothing is given up because of it. */
const isBadToken = (errcode: string) => errcode === "M_UNKNOWN_TOKEN" || errcode === "M_MISSING_TOKEN";
