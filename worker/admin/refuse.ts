/** How the operator API refuses: a status, and sentences that say what to mend. */
import type { Context } from "hono";

export const refuse = (c: Context, status: 400 | 401 | 403 | 404 | 500, errors: readonly string[]) =>
  c.json({ errors }, status);

/** The body's JSON; undefined when it is none, which no schema takes. */
export async function bodyOf(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
