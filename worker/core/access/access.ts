/**
 * Access lists: who may. An entry is a whole user id, anchored at both ends and compared letter by letter; `*` in its
 * localpart or in its server name stands for anything. A display name is never looked at.
 *
 * Localpart and server are compared apart: `@*:example.org` must not let `@a:evil.test:example.org` in.
 */
import * as z from "zod/v4";
import { splitUserId, type UserId } from "../protocol/ids.ts";

/** Entries of one list; a group may bring as many again. */
const ENTRIES_MAX = 1_000;
const ENTRY_LENGTH_MAX = 255;

const WORDS = ["*", "local", "users", "admins"];
const isEntry = (text: string): boolean =>
  WORDS.includes(text) || /^group:[\w-]+$/.test(text) || /^power:\d+$/.test(text) || /^@[^:]*:.+$/.test(text);

export const AccessEntry = z
  .string()
  .max(ENTRY_LENGTH_MAX)
  .refine(
    isEntry,
    "is no user id such as @alice:example.org or @*:example.org, and no *, local, group:<name> or power:<level>",
  );
export const AccessList = z.array(AccessEntry).max(ENTRIES_MAX);

/** Somebody, as far as lists look at people. */
export interface Person {
  userId: UserId;
  isLocal: boolean;
  /** The power level in the room it is about. */
  power: number;
}

/** What the words `users` and `admins` mean, where a list may say them. */
export interface Circles {
  users?: boolean;
  admins?: boolean;
}

/** Whether a list lets somebody in; an empty one lets nobody. */
export const isListed = (list: readonly string[], person: Person, circles: Circles = {}): boolean =>
  list.some((entry) => matches(entry, person, circles));

function matches(entry: string, { userId, isLocal, power }: Person, { users, admins }: Circles): boolean {
  if (entry === "*") return true;
  if (entry === "local") return isLocal;
  if (entry === "users") return users === true;
  if (entry === "admins") return admins === true;
  if (entry.startsWith("power:")) return power >= Number(entry.slice("power:".length));
  return isUser(entry, userId);
}

/** `@ali*:example.org` and the like; what is no such pattern is nobody. */
export function isUser(pattern: string, userId: UserId): boolean {
  const colon = pattern.indexOf(":");
  if (!pattern.startsWith("@") || colon < 0) return false;
  const [localpart, serverName] = splitUserId(userId);
  return isLike(pattern.slice(1, colon), localpart) && isLike(pattern.slice(colon + 1), serverName);
}

/** `*` stands for anything, also nothing; in time that grows with the text and no faster. */
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
