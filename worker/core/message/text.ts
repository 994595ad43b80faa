/**
 * What a message says: its text without what a client put before it, and what it relates to.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 */
import * as z from "zod/v4";
import type { RoomEvent } from "../protocol/event.ts";
import { EventId } from "../protocol/ids.ts";
import { markIn } from "./mark.ts";

const Relation = z.object({
  rel_type: z.string().optional().catch(undefined),
  event_id: EventId.optional().catch(undefined),
  is_falling_back: z.boolean().optional().catch(undefined),
  "m.in_reply_to": z.object({ event_id: EventId }).optional().catch(undefined),
});

export interface Relations {
  isEdit: boolean;
  /** What an edit replaces. */
  replaces?: EventId;
  /** The message this one replies to; a client's fallback for those without threads is no reply. */
  repliedTo?: EventId;
  threadRoot?: EventId;
}

/** What an event relates to. @see https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events */
export function relationsOf({ content }: Pick<RoomEvent, "content">): Relations {
  const relation = Relation.safeParse(content["m.relates_to"]).data;
  const isEdit = relation?.rel_type === "m.replace";
  const repliedTo = relation?.is_falling_back ? undefined : relation?.["m.in_reply_to"]?.event_id;
  const threadRoot = relation?.rel_type === "m.thread" ? relation.event_id : undefined;
  const replaces = isEdit ? relation.event_id : undefined;
  return {
    isEdit,
    ...(replaces ? { replaces } : {}),
    ...(repliedTo ? { repliedTo } : {}),
    ...(threadRoot ? { threadRoot } : {}),
  };
}

const TEXTS = new Set(["m.text", "m.emote"]);
const MEDIA = new Set(["m.image", "m.file", "m.audio", "m.video"]);

/**
 * What the person said, without the old reply fallback. Of a file it is the caption, and a file's name is none.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#media-captions
 */
export function promptText(content: RoomEvent["content"]): string {
  const { msgtype, body, filename } = content;
  if (typeof body !== "string" || typeof msgtype !== "string") return "";
  if (MEDIA.has(msgtype)) return typeof filename === "string" && filename !== body ? body.trim() : "";
  // An unknown kind of message says what it is in its body.
  const isReply = Relation.safeParse(content["m.relates_to"]).data?.["m.in_reply_to"] !== undefined;
  const text = TEXTS.has(msgtype) && isReply ? withoutFallback(body) : body;
  return text.trim();
}

/** Leading quoted lines, as clients before v1.13 of the specification put them. */
const withoutFallback = (body: string): string =>
  body.startsWith("> <") || body.startsWith("> * <") ? body.replace(/^(?:>.*(?:\n|$))+\n?/, "") : body;

const RELAYED = /^(?:<[^>\n]{1,80}>|\[[^\]\n]{1,80}\]|(?:\*\*)?[^\n:*]{1,80}(?:\*\*)?:(?:\*\*)?)\s+/;

/** A text and what is left of it without a name before it, as bridges that have no ghosts of their own put one. */
export const withoutRelay = (text: string): string[] => [...new Set([text, text.replace(RELAYED, "")])];

/** The text without code: what stands in backticks or between fences addresses nobody. */
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

/** Backticks open a span that as many backticks end; without an end they are just backticks. */
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

/** Where a message stands: of an agent's last edit where the message does, for an edit is in no thread of its own. */
export function placeOf(event: Pick<RoomEvent, "content" | "event_id">): { eventId: EventId; thread?: EventId } {
  const { isEdit, replaces, threadRoot } = relationsOf(event);
  const thread = isEdit ? markIn(event)?.thread : threadRoot;
  return { eventId: (isEdit ? replaces : undefined) ?? event.event_id, ...(thread ? { thread } : {}) };
}

/** The content somebody reads: of an edit what it puts in place. */
export function readContent(event: Pick<RoomEvent, "content">): RoomEvent["content"] {
  const fresh = z.record(z.string(), z.unknown()).safeParse(event.content["m.new_content"]);
  return relationsOf(event).isEdit && fresh.success ? fresh.data : event.content;
}
