/** Which part of a request a server does not support. */
import type { Complaint } from "./complaint.ts";
import { REFUSAL, ROLES, SYSTEM } from "./words.ts";

/**
 * `system_role`: it takes no system message. `roles`: it takes only conversations in which user and assistant alternate,
 * beginning with the user. Otherwise the name of a field of the request.
 */
export type UnsupportedPart = "system_role" | "roles" | RequestField;

export const REQUEST_FIELDS = [
  "stream_options",
  "max_tokens",
  "max_completion_tokens",
  "temperature",
  "top_p",
  "parallel_tool_calls",
  "tool_choice",
  "tools",
  "reasoning_effort",
  "idempotency-key",
  "stream",
] as const;
export type RequestField = (typeof REQUEST_FIELDS)[number];

/** Undefined where the complaint is about something else. */
export function unsupportedPart({ words }: Complaint): UnsupportedPart | undefined {
  if (SYSTEM.test(words)) return "system_role";
  if (ROLES.test(words)) return "roles";
  if (!REFUSAL.test(words)) return undefined;
  const named = /(?:^|\n)param: (\S+)/.exec(words)?.[1] ?? "";
  return REQUEST_FIELDS.find((field) => field === named) ?? firstNamed(words);
}

/** A server that refuses one field may go on with the name of another one to be used instead. */
function firstNamed(words: string): RequestField | undefined {
  const found = REQUEST_FIELDS.map((field) => ({
    field,
    at: words.search(new RegExp(`(?<![\\w-])${field}(?![\\w-])`)),
  }));
  return found.filter(({ at }) => at >= 0).sort((one, other) => one.at - other.at)[0]?.field;
}
