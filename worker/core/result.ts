/** Expected failures are values: a function that may fail for a foreseeable reason returns one of these. */
export type Result<T, E> = { ok: true; value: T } | { ok: false; error: E };

export const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });
export const err = <E>(error: E): { ok: false; error: E } => ({ ok: false, error });

/** What a promise resolves to, or what it was rejected with. */
export const caught = <T>(promise: Promise<T>): Promise<Result<T, unknown>> => promise.then(ok, err);

/** The message of what was thrown, which may be any value. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Closes a switch over a union: a member without a case does not compile. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
