/** Error answers of the operator API: a status, and sentences that say what to correct. */
import type { Context } from "hono";
import { parseJson } from "#core/protocol/json.ts";

export const refuse = (c: Context, status: 400 | 401 | 403 | 404 | 409 | 413 | 500, errors: readonly string[]) =>
  c.json({ errors }, status);

/** The body's JSON; undefined, which no schema accepts, when the body is not JSON. */
export async function bodyOf(c: Context): Promise<unknown> {
  return parseJson(await c.req.text());
}
