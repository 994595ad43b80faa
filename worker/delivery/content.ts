/**
 * The content of what we send: Markdown as body, HTML beside it, our mark in it, and the shape of an edit.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 * @see https://spec.matrix.org/v1.19/client-server-api/#event-replacements
 */
import { CONTENT_KEY, type ContentMark, type JsonObject } from "#core/protocol/event.ts";
import { EventId } from "#core/protocol/ids.ts";
import { toHtml } from "./markdown.ts";

/** An event may have 65,536 bytes with its envelope, signatures and references; this leaves them room. */
const CONTENT_BYTES_MAX = 60_000;
/** @see https://github.com/matrix-org/matrix-spec-proposals/pull/4357 */
const LIVE = "org.matrix.msc4357.live";

export interface Message {
  markdown: string;
  mark: ContentMark;
  threadRoot?: EventId | undefined;
}

function words({ markdown, mark }: Message): JsonObject {
  const html = toHtml(markdown);
  return {
    msgtype: mark.kind === "notice" ? "m.notice" : "m.text",
    body: markdown,
    // A reply never pings anybody by accident: intentional mentions only, and so far there are none.
    "m.mentions": {},
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

/** The relation of the first message is kept by the homeserver, so a thread is not named again. */
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
/** An edit holds the text twice, so a part is measured as the edit it may become. */
export const fitsAsEdit = (markdown: string, mark: ContentMark): boolean =>
  markdown.length <= FITS_LENGTH ||
  // A character is a byte at least, so most of a long text need not be weighed to be too heavy.
  (markdown.length <= CONTENT_BYTES_MAX &&
    encoder.encode(JSON.stringify(editContent(SOME_EVENT, { markdown, mark }))).length <= CONTENT_BYTES_MAX);

/** As long as an event id can be expected to get. */
const SOME_EVENT = EventId.parse(`$${"x".repeat(254)}`);
