/**
 * The users that a message itself addresses.
 *
 * `m.mentions` is authoritative where it is present. Without it a pill counts, then a whole user id, then a name at the
 * start followed by `:` or `,`. Text in code or in the fallback of a reply never counts.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#user-and-room-mentions
 */

import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { UserId } from "../protocol/ids.ts";
import { promptText, withoutCode } from "./text.ts";

export interface Addressed {
  users: UserId[];
  room: boolean;
  /** The text without code, which may begin with a name. Undefined where a field or a pill says who is mentioned. */
  text?: string;
}

const Mentions = z.object({
  user_ids: z.array(z.unknown()).catch([]),
  room: z.boolean().catch(false),
});

/** The users a message addresses by mention. `text` is its prompt text. */
export function addressedIn(content: RoomEvent["content"], text = promptText(content)): Addressed {
  const mentions = Mentions.safeParse(content["m.mentions"]);
  if (mentions.success) {
    const { user_ids, room } = mentions.data;
    return {
      users: unique(user_ids.slice(0, BOUNDS.mentionsRead.max).flatMap((id) => UserId.safeParse(id).data ?? [])),
      room,
    };
  }
  const free = withoutCode(text.slice(0, BOUNDS.mentionText.max));
  const pills = pillsIn(content);
  const room = ROOM.test(free);
  if (pills.length > 0) return { users: pills, room };
  return { users: idsIn(free), room, text: free };
}

const ROOM = /(?:^|[\s([{"'])@room\b/;

const unique = (ids: UserId[]): UserId[] => [...new Set(ids)].slice(0, BOUNDS.mentionsRead.max);

const QUOTED = /<(\/?)(?:mx-reply|code|pre|blockquote)\b[^<>]*>/gi;

/** The users that links in the HTML stand for, outside of quotations and code. */
function pillsIn({ formatted_body: html, format }: RoomEvent["content"]): UserId[] {
  if (typeof html !== "string" || format !== "org.matrix.custom.html") return [];
  const own = withoutElements(html.slice(0, BOUNDS.mentionText.max));
  const links = [...own.matchAll(/<a\s[^<>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)')/gi)];
  return unique(links.flatMap(([, double, single]) => userOfLink(double ?? single ?? "") ?? []));
}

/** Removes quotations and code, nested ones too. */
function withoutElements(html: string): string {
  let [kept, at, depth] = ["", 0, 0];
  for (const { 0: tag, 1: slash, index } of html.matchAll(QUOTED)) {
    if (depth === 0) kept += html.slice(at, index);
    depth = slash ? Math.max(depth - 1, 0) : depth + 1;
    at = index + tag.length;
  }
  return depth === 0 ? kept + html.slice(at) : kept;
}

/** @see https://spec.matrix.org/v1.19/appendices/#uris */
function userOfLink(href: string): UserId | undefined {
  const link = href.replaceAll("&amp;", "&");
  const [, fragment] = link.match(/^https?:\/\/(?:www\.)?matrix\.to\/#\/([^?/]+)/i) ?? [];
  const [, uri] = link.match(/^matrix:(?:u|user)\/([^?/]+)/i) ?? [];
  const id = fragment ?? (uri === undefined ? undefined : `@${uri}`);
  return id === undefined ? undefined : UserId.safeParse(decoded(id)).data;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // An invalid link stands for no user: no user id is empty.
    return "";
  }
}

/** Regular expressions, to be used without case: a whole user id, and the characters that may not stand before it. */
export const ID_IN_TEXT = String.raw`@[a-z0-9._=/+-]+:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?`;
export const WITHIN_A_WORD = String.raw`[\w@./=+-]`;
const ID = new RegExp(`(?<!${WITHIN_A_WORD})${ID_IN_TEXT}`, "gi");

/** Whole user ids in a text. */
const idsIn = (text: string): UserId[] =>
  unique([...text.matchAll(ID)].flatMap(([id]) => UserId.safeParse(id).data ?? []));

/** The text before the first `:` or `,`, in lower case: it may be an agent's name. */
export function openingOf(text: string): string | undefined {
  const [, name] = text.slice(0, BOUNDS.name.max + 2).match(/^\s*@?([^:,\n]+)[:,]/) ?? [];
  return name?.trim().toLowerCase() || undefined;
}

/** Whether a text begins with a name followed by `:` or `,`, ignoring case. */
export function opensWith(text: string, name: string): boolean {
  const start = text.trimStart().replace(/^@/, "").toLowerCase();
  return name !== "" && start.startsWith(name.toLowerCase()) && /^\s*[:,]/.test(start.slice(name.toLowerCase().length));
}

/**
 * A text without the mention it begins with, in the forms clients use: the name, `@name`, `@[name]`, the user id. A text
 * that is only a mention stays as it is.
 */
export function withoutMention(text: string, name: string, userId: UserId): string {
  for (const form of [userId, `@[${name}]`, `[${name}]`, `@${name}`, name]) {
    if (form === "" || text.slice(0, form.length).toLowerCase() !== form.toLowerCase()) continue;
    const rest = text.slice(form.length);
    if (rest !== "" && !/^[\s:,]/.test(rest)) continue;
    return rest.replace(/^[\s:,]+/, "") || text;
  }
  return text;
}
