/** The arguments of commands, as clients write them: in backticks, as links, as pills. */
import { UserId } from "../protocol/ids.ts";
import { type UserLink, userOfLink } from "./links.ts";
import type { Message } from "./message.ts";
import { folded } from "./readable.ts";

const QUOTES: Record<string, string> = {
  "`": "`",
  "<": ">",
  "(": ")",
  "[": "]",
  '"': '"',
  "'": "'",
  "“": "”",
  "„": "“",
};

/** An argument without the quotation marks, backticks or brackets around it. */
export function unquoted(argument: string): string {
  const close = QUOTES[argument.charAt(0)];
  const isQuoted = close !== undefined && argument.length > 1 && argument.endsWith(close);
  return isQuoted ? argument.slice(1, -1).trim() : argument;
}

/** A user's name as it is compared: without the `@` and the brackets that some clients put around it. */
export const foldedName = (name: string): string => folded(unquoted(name.trim().replace(/^@(?=.)/u, "")));

/**
 * The users that an argument names: by pills that have it as their text, by whole user ids or links, or by the only pill or
 * mention of the message. `isOurs` says of users that they are agents here: those are named to say whom the command is for.
 */
export function usersNamed(
  argument: string,
  message: Pick<Message, "links" | "addressed" | "relations" | "text">,
  isOurs: (userId: UserId) => boolean,
): UserId[] {
  if (argument === "") return [];
  const links = message.links.filter(({ userId }) => !isOurs(userId));
  const wanted = foldedName(argument);
  const labelled = distinct(links.filter(({ label }) => foldedName(label) === wanted).map(userOf));
  if (labelled.length > 0) return labelled;
  const typed = distinct(argument.split(/\s+/).flatMap((word) => userTyped(word) ?? []));
  if (typed.length > 0) return typed;
  // A reply mentions whom it replies to, and a text below the command may mention others.
  if (message.relations.mayQuote || message.text.includes("\n")) return [];
  const only = distinct([...links.map(userOf), ...message.addressed.users.filter((userId) => !isOurs(userId))]);
  return only.length === 1 ? only : [];
}

const userOf = ({ userId }: UserLink): UserId => userId;
const distinct = (ids: readonly UserId[]): UserId[] => [...new Set(ids)];

/** The user of a whole user id or of a link; patterns of user ids name no user. */
function userTyped(word: string): UserId | undefined {
  const bare = unquoted(word.replace(/[,;.]+$/, ""));
  const userId = userOfLink(bare) ?? UserId.safeParse(bare).data;
  return userId?.includes("*") ? undefined : userId;
}
