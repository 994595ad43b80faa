/**
 * Access lists: the users who may do something. An entry is a whole user id, anchored at both ends and compared letter by
 * letter; `*` in its localpart or its server name stands for any characters. Display names never count.
 *
 * Localpart and server name are compared separately: `@*:example.org` must not permit `@a:evil.test:example.org`.
 */

import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import { splitUserId, type UserId } from "../protocol/ids.ts";

const WORDS = ["*", "local", "users", "admins"];
const isEntry = (text: string): boolean =>
  WORDS.includes(text) || /^group:[\w-]+$/.test(text) || /^power:\d+$/.test(text) || /^@[^:]*:.+$/.test(text);

export const AccessEntry = z
  .string()
  .max(BOUNDS.id.max)
  .refine(
    isEntry,
    "is no user id such as @alice:example.org or @*:example.org, and no *, local, group:<name> or power:<level>",
  );
export const AccessList = z.array(AccessEntry).max(BOUNDS.accessEntries.max);

/** A user, as far as access lists look at users. */
export interface Person {
  userId: UserId;
  isLocal: boolean;
  /** The power level in the room it is about. */
  power: number;
}

/** The user is one of those that the words `users` and `admins` in a list stand for. */
export interface Circles {
  users?: boolean;
  admins?: boolean;
}

/** True when a list permits a user; an empty one permits no user. */
export const isListed = (list: readonly string[], person: Person, circles: Circles = {}): boolean =>
  entryFor(list, person, circles) !== undefined;

/** The first entry of a list that stands for a user. */
export const entryFor = (list: readonly string[], person: Person, circles: Circles = {}): string | undefined =>
  list.find((entry) => matches(entry, person, circles));

function matches(entry: string, { userId, isLocal, power }: Person, { users, admins }: Circles): boolean {
  if (entry === "*") return true;
  if (entry === "local") return isLocal;
  if (entry === "users") return users === true;
  if (entry === "admins") return admins === true;
  if (entry.startsWith("power:")) return power >= Number(entry.slice("power:".length));
  return isUser(entry, userId);
}

/** True when a pattern such as `@ali*:example.org` matches a user id. An invalid pattern matches none. */
export function isUser(pattern: string, userId: UserId): boolean {
  const colon = pattern.indexOf(":");
  if (!pattern.startsWith("@") || colon < 0) return false;
  if (!pattern.includes("*")) return pattern === userId;
  const [localpart, serverName] = splitUserId(userId);
  return isLike(pattern.slice(1, colon), localpart) && isLike(pattern.slice(colon + 1), serverName);
}

/** `*` stands for any characters, or none. Takes time linear in the text. */
export function isLike(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
