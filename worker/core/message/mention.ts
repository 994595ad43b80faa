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
import { withoutCode } from "./code.ts";
import { htmlIn, pillsIn, type UserLink, userOfLink } from "./links.ts";
import { beginningOf, behind, folded, plain } from "./readable.ts";

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

/** The users a message addresses by mention: `text` is what was written, `links` are the links in it. */
export function addressedIn(content: RoomEvent["content"], text: string, links: () => readonly UserLink[]): Addressed {
  const mentions = Mentions.safeParse(content["m.mentions"]);
  if (mentions.success) {
    const { user_ids, room } = mentions.data;
    return {
      users: unique(user_ids.slice(0, BOUNDS.mentionsRead.max).flatMap((id) => UserId.safeParse(id).data ?? [])),
      room,
    };
  }
  const free = withoutCode(text.slice(0, BOUNDS.mentionText.max));
  const room = ROOM.test(plain(free));
  const linked = unique(links().map(({ userId }) => userId));
  if (linked.length > 0) return { users: linked, room };
  return { users: idsIn(plain(free)), room, text: free };
}

const ROOM = /(?:^|[\s([{"'])@room\b/;

const unique = (ids: UserId[]): UserId[] => [...new Set(ids)].slice(0, BOUNDS.mentionsRead.max);

/** The links to users in the HTML of a message. */
export function htmlPills(content: RoomEvent["content"]): UserLink[] {
  const html = htmlIn(content);
  return html === undefined ? [] : pillsIn(html);
}

/** The users that a text names by their whole ids, outside of code. */
export const namedIn = (text: string): UserId[] => idsIn(withoutCode(text.slice(0, BOUNDS.mentionText.max)));

/** Regular expressions, to be used without case: a whole user id, and the characters that may not stand before it. */
export const ID_IN_TEXT = String.raw`@[a-z0-9._=/+-]+:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?`;
export const WITHIN_A_WORD = String.raw`[\w@./=+-]`;
const ID = new RegExp(`(?<!${WITHIN_A_WORD})${ID_IN_TEXT}`, "gi");

/** Whole user ids in a text. */
const idsIn = (text: string): UserId[] =>
  unique([...text.matchAll(ID)].flatMap(([id]) => UserId.safeParse(id).data ?? []));

/** What may stand between a name at the start and the rest, when it is folded. */
const SEPARATOR = "[:,、،∶]";
/** The same as they are typed. */
const SEPARATORS = ":,：，﹕﹐､、،∶";
const OPENING = new RegExp(`^\\s*@?([^:,、،∶\\n]+)${SEPARATOR}`);
const SEPARATED = new RegExp(`^\\s*${SEPARATOR}`);

/** The text before the first `:` or `,`, folded: it may be an agent's name. */
export function openingOf(text: string): string | undefined {
  const [, name = ""] = beginningOf(text).folded.match(OPENING) ?? [];
  return name.length <= BOUNDS.name.max ? name.trim() || undefined : undefined;
}

/** Says of names whether a text begins with them, followed by `:` or `,`, in whichever characters. */
export function openerOf(text: string): (name: string) => boolean {
  const start = beginningOf(text.trimStart()).folded.replace(/^@/, "");
  return (name) => {
    const wanted = folded(name);
    return wanted !== "" && start.startsWith(wanted) && SEPARATED.test(start.slice(wanted.length));
  };
}

/** Someone whom a message may begin with. */
export interface Called {
  name: string;
  userId: UserId;
}

/** The forms of a mention: the texts of links first, as they may be longer than the name. */
const formsOf = ({ name, userId }: Called, links: readonly UserLink[]): string[] => [
  ...links.flatMap((link) => (link.userId === userId && link.label.length <= BOUNDS.name.max ? link.label : [])),
  ...[userId, `<${userId}>`, `(${userId})`],
  // Element tells users of one name apart by their ids.
  ...(name === "" ? [] : [`${name} (${userId})`, `@[${name}]`, `[${name}]`, `@${name}`, name]),
];

const BEHIND_MENTION = new RegExp(`^[\\s${SEPARATORS}]`);
const BETWEEN = new RegExp(`^[\\s${SEPARATORS}]+`);

/**
 * A text without the mention it begins with, in the forms clients use: the label of a pill, the name, `@name`, `@[name]`, the
 * user id, a link to the user. A text that is only a mention stays as it is.
 */
export function withoutMention(
  text: string,
  called: Called,
  links: readonly UserLink[],
  beginning = beginningOf(text),
): string {
  const linked = behindLink(text, called);
  if (linked !== undefined) return linked || text;
  for (const form of formsOf(called, links)) {
    const rest = behind(text, form, beginning);
    if (rest === undefined || (rest !== "" && !BEHIND_MENTION.test(rest))) continue;
    const own = rest.replace(BETWEEN, "");
    // Plain texts of HTML have the target of a link behind its label.
    return (behindLink(own, called) ?? own) || text;
  }
  return text;
}

const LINK =
  /^[<(]?((?:https?:\/\/(?:www\.)?matrix\.to\/#\/|matrix:u(?:ser)?\/)[^\s<>()]{1,1000}?)[>)]?[:,：，]?(?:\s+|$)/i;

/** The text behind a bare link to the user it begins with. */
function behindLink(text: string, { userId }: Called): string | undefined {
  const [whole = "", href = ""] = text.match(LINK) ?? [];
  return href !== "" && userOfLink(href) === userId ? text.slice(whole.length) : undefined;
}
