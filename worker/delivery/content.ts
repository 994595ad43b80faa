/**
 * The content of what we send: Markdown as body, HTML beside it, our mark in it, and the shape of an edit.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 * @see https://spec.matrix.org/v1.19/client-server-api/#event-replacements
 */
import { CONTENT_KEY, type ContentMark } from "#core/message/mark.ts";
import type { JsonObject } from "#core/protocol/event.ts";
import { EventId, type UserId } from "#core/protocol/ids.ts";
import { toHtml } from "./markdown.ts";
import { namedIn } from "./mentions.ts";

/** An event may have 65,536 bytes with its envelope, signatures and references; this leaves them room. */
const CONTENT_BYTES_MAX = 60_000;
/** @see https://github.com/matrix-org/matrix-spec-proposals/pull/4357 */
const LIVE = "org.matrix.msc4357.live";

export interface Message {
  markdown: string;
  mark: ContentMark;
  threadRoot?: EventId | undefined;
  /** Who is notified of it. */
  mentions?: readonly UserId[];
}

function words({ markdown, mark, mentions = [] }: Message): JsonObject {
  const html = toHtml(markdown);
  return {
    msgtype: mark.kind === "notice" ? "m.notice" : "m.text",
    body: markdown,
    // Always there: without it clients and homeservers look for names in the body.
    "m.mentions": mentions.length > 0 ? { user_ids: [...mentions] } : {},
    ...(html === undefined ? {} : { format: "org.matrix.custom.html", formatted_body: html }),
    ...(mark.kind === "draft" ? { [LIVE]: {} } : {}),
    [CONTENT_KEY]: { ...mark },
  };
}

export function messageContent(message: Message): JsonObject {
  const { threadRoot } = message;
  if (!threadRoot) return words(message);
  return {
    ...words(message),
    "m.relates_to": {
      rel_type: "m.thread",
      event_id: threadRoot,
      is_falling_back: true,
      "m.in_reply_to": { event_id: threadRoot },
    },
  };
}

/**
 * The relation of the first message is kept by the homeserver, so a thread is not named again. No edit before this one
 * has mentioned anybody, so whoever is mentioned in it is mentioned newly: inside and outside are the same people.
 */
export function editContent(original: EventId, message: Message): JsonObject {
  const content = words(message);
  return {
    ...content,
    body: `* ${message.markdown}`,
    "m.new_content": content,
    "m.relates_to": { rel_type: "m.replace", event_id: original },
  };
}

const encoder = new TextEncoder();
/**
 * A text this short fits however it is meant: a character has three bytes at most, its HTML some thirty (a nested quote),
 * and all of that is there twice.
 */
const FITS_LENGTH = 500;
/** An edit holds the text twice, so a part is measured as the edit it may become, with more mentions than it may have. */
export function fitsAsEdit(markdown: string, mark: ContentMark): boolean {
  if (markdown.length <= FITS_LENGTH) return true;
  // A character is a byte at least, so most of a long text need not be weighed to be too heavy.
  if (markdown.length > CONTENT_BYTES_MAX) return false;
  const mentions = mark.kind === "reply" ? namedIn(markdown) : [];
  return (
    encoder.encode(JSON.stringify(editContent(SOME_EVENT, { markdown, mark, mentions }))).length <= CONTENT_BYTES_MAX
  );
}

/** As long as an event id can be expected to get. */
const SOME_EVENT = EventId.parse(`$${"x".repeat(254)}`);
