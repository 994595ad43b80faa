/**
 * The text of a message, without what a client put before it, and its relations.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 */
import * as z from "zod/v4";
import type { RoomEvent } from "../protocol/event.ts";
import { EventId } from "../protocol/ids.ts";
import { type UserLink, withoutUserLinks } from "./links.ts";
import { withoutProfileName } from "./profile.ts";
import { readable } from "./readable.ts";

const Relation = z.object({
  rel_type: z.string().optional().catch(undefined),
  event_id: EventId.optional().catch(undefined),
  key: z.string().optional().catch(undefined),
  is_falling_back: z.boolean().optional().catch(undefined),
  "m.in_reply_to": z.object({ event_id: EventId }).optional().catch(undefined),
});

export interface Relations {
  isEdit: boolean;
  /** The event an edit replaces. */
  replaces?: EventId;
  /** The message this one replies to; the fallback for clients without threads is no reply. */
  repliedTo?: EventId;
  /** It names a message in `m.in_reply_to`, a fallback included, so its body may begin with a quotation. */
  mayQuote: boolean;
  threadRoot?: EventId;
  /** The event a reaction is about, and the reaction itself. */
  annotates?: { eventId: EventId; key?: string };
}

/**
 * The relations of an event's content. An invalid `m.relates_to` relates to nothing.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events
 */
export function relationsOf({ content }: Pick<RoomEvent, "content">): Relations {
  const relation = Relation.safeParse(content["m.relates_to"]).data;
  const { rel_type: type, event_id: eventId, key } = relation ?? {};
  const inReplyTo = relation?.["m.in_reply_to"]?.event_id;
  const relations: Relations = { isEdit: type === "m.replace", mayQuote: inReplyTo !== undefined };
  if (inReplyTo && !relation?.is_falling_back) relations.repliedTo = inReplyTo;
  if (eventId && type === "m.replace") relations.replaces = eventId;
  if (eventId && type === "m.thread") relations.threadRoot = eventId;
  if (eventId && type === "m.annotation") relations.annotates = key === undefined ? { eventId } : { eventId, key };
  return relations;
}

const TEXTS = new Set(["m.text", "m.emote"]);
const MEDIA = new Set(["m.image", "m.file", "m.audio", "m.video"]);

/** What a person wrote: the text, and the users that Markdown links in it are to. */
export interface Written {
  text: string;
  /** The body that the text was read from, where it is one. */
  body: string;
  links: readonly UserLink[];
}

/**
 * What a person wrote, as people read it and trimmed: without the quotation that old clients put before a reply, the name
 * that a profile's fallback begins with, and the targets of links to users. The text of a file is its caption, not its name.
 * Empty when there is no text.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#media-captions
 */
export function writtenIn(content: RoomEvent["content"], { mayQuote } = relationsOf({ content })): Written {
  const { msgtype, body, filename } = content;
  if (typeof body !== "string" || typeof msgtype !== "string") return NOTHING;
  if (MEDIA.has(msgtype) && (typeof filename !== "string" || filename === body)) return NOTHING;
  // The body of an unknown kind of message is its fallback for people to read.
  const unquoted = TEXTS.has(msgtype) && mayQuote ? withoutFallback : (said: string) => said;
  const shown = unquoted(readable(body));
  const own = withoutProfileName(shown, content);
  // A profile's name may stand before the quotation or behind it.
  const { text, links } = withoutUserLinks(own === undefined ? shown : unquoted(own));
  return { text: text.trim(), body, links };
}

const NOTHING: Written = { text: "", body: "", links: [] };

/** The text of `writtenIn`. */
export const promptText = (content: RoomEvent["content"], relations?: Relations): string =>
  writtenIn(content, relations).text;

/** Leading quoted lines, as clients before v1.13 of the specification put them. */
const withoutFallback = (body: string): string =>
  body.startsWith("> <") || body.startsWith("> * <") ? body.replace(/^(?:>.*(?:\n|$))+\n?/, "") : body;

const RELAYED = /^(?:<[^>\n]{1,80}>|\[[^\]\n]{1,80}\]|(?:\*\*)?[^\n:*]{1,80}(?:\*\*)?:(?:\*\*)?)\s+/;

/**
 * What a bridge may have repeated: a message as it was sent and as it is read, and without the sender's name that a bridge
 * without ghosts may have put before it.
 */
export const repeatedBy = ({ text, body }: Pick<Written, "text" | "body">): string[] => [
  ...new Set([text, body].flatMap((one) => [one, one.replace(RELAYED, "")])),
];

/**
 * The text in at most so many characters, which must be one at least: a longer one ends with an ellipsis. It is never cut
 * between the halves of a surrogate pair, for a homeserver refuses such a message.
 */
export const shortened = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
