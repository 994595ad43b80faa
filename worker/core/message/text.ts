/**
 * The text of a message, without what a client put before it, and its relations.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 */
import * as z from "zod/v4";
import type { RoomEvent } from "../protocol/event.ts";
import { EventId } from "../protocol/ids.ts";

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

/**
 * The text a person wrote, trimmed, without the quotation that old clients put before a reply. The text of a file is its
 * caption, not its name. Empty when there is no text.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#media-captions
 */
export function promptText(content: RoomEvent["content"], { mayQuote } = relationsOf({ content })): string {
  const { msgtype, body, filename } = content;
  if (typeof body !== "string" || typeof msgtype !== "string") return "";
  if (MEDIA.has(msgtype)) return typeof filename === "string" && filename !== body ? body.trim() : "";
  // The body of an unknown kind of message is its fallback for people to read.
  const text = TEXTS.has(msgtype) && mayQuote ? withoutFallback(body) : body;
  return text.trim();
}

/** Leading quoted lines, as clients before v1.13 of the specification put them. */
const withoutFallback = (body: string): string =>
  body.startsWith("> <") || body.startsWith("> * <") ? body.replace(/^(?:>.*(?:\n|$))+\n?/, "") : body;

const RELAYED = /^(?:<[^>\n]{1,80}>|\[[^\]\n]{1,80}\]|(?:\*\*)?[^\n:*]{1,80}(?:\*\*)?:(?:\*\*)?)\s+/;

/** A text as it is, and without the sender's name that a bridge without ghosts may have put before it. */
export const withoutRelay = (text: string): string[] => [...new Set([text, text.replace(RELAYED, "")])];

/** The text without code spans and fences: a name inside of code addresses no agent. */
export function withoutCode(text: string): string {
  const lines: string[] = [];
  let fence: string | undefined;
  for (const line of text.split("\n")) {
    const marker = line.match(/^ {0,3}(`{3,}|~{3,})/)?.[1];
    if (marker && fence === undefined) fence = marker;
    else if (marker && fence !== undefined && marker.startsWith(fence)) fence = undefined;
    else if (fence === undefined) lines.push(line);
  }
  return withoutSpans(lines.join("\n"));
}

/** A run of backticks opens a span that a run of the same length ends; without such a run it is text. */
function withoutSpans(text: string): string {
  if (!text.includes("`")) return text;
  const runs = [...text.matchAll(/`+/g)];
  const kept: string[] = [];
  let at = 0;
  for (let open = 0; open < runs.length; ) {
    const run = runs[open];
    const close = run && runs.findIndex((other, index) => index > open && other[0].length === run[0].length);
    if (!run || close === undefined || close < 0) {
      open++;
      continue;
    }
    kept.push(text.slice(at, run.index), " ");
    at = (runs[close]?.index ?? 0) + run[0].length;
    open = close + 1;
  }
  return `${kept.join("")}${text.slice(at)}`;
}

/**
 * The text in at most so many characters, which must be one at least: a longer one ends with an ellipsis. It is never cut
 * between the halves of a surrogate pair, for a homeserver refuses such a message.
 */
export const shortened = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
