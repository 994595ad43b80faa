/** Error answers of the operator API: a status, and sentences that say what to correct. */
import type { Context } from "hono";

export const refuse = (c: Context, status: 400 | 401 | 403 | 404 | 500, errors: readonly string[]) =>
  c.json({ errors }, status);

/** The body's JSON; undefined, which no schema accepts, when the body is not JSON. */
export async function bodyOf(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
