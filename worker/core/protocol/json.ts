/** JSON that others wrote. */
import type * as z from "zod/v4";

/** The value of a JSON text; undefined, which no schema of ours accepts, when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** True for an object or a list of JSON. */
export const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null;

/** True for an object of JSON. It is not copied, as a schema of its keys would do: it may have a million of them. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  isContainer(value) && !Array.isArray(value);

/** The first thing that does not fit a schema: a path and a sentence, never a value. */
export function complaintOf(schema: z.ZodType, value: unknown): string {
  const issues = schema.safeParse(value).error?.issues ?? [];
  // An unknown key is no fault of a stored value.
  const issue = issues.find(({ code }) => code !== "unrecognized_keys") ?? issues[0];
  return issue ? [issue.path.join("."), issue.message].filter((part) => part !== "").join(": ") : "it does not fit";
}
