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
