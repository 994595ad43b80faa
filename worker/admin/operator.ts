/** Authentication of the operator by the `ADMIN_TOKEN`. */
import type { Context } from "hono";

/** Compares a token with the `ADMIN_TOKEN`; undefined when none is set. */
export type IsOperator = ((given: string | undefined) => Promise<boolean>) | undefined;

/** Why a request is refused; undefined when it is the operator's. */
export async function refusalOf(
  isOperator: IsOperator,
  c: Context,
): Promise<{ status: 401 | 403; sentence: string } | undefined> {
  if (!isOperator) return { status: 403, sentence: "The operator API is closed: set ADMIN_TOKEN to open it." };
  const given = c.req.header("authorization")?.match(/^Bearer (.+)$/i)?.[1];
  if (given === undefined) return { status: 401, sentence: "The ADMIN_TOKEN is missing: send it as a bearer token." };
  return (await isOperator(given)) ? undefined : { status: 403, sentence: "The ADMIN_TOKEN is wrong." };
}
