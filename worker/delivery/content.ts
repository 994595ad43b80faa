/**
 * The content of an event of ours: Markdown as body, HTML beside it, our mark in it, and the shape of an edit.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 * @see https://spec.matrix.org/v1.19/client-server-api/#event-replacements
 */
import { BOUNDS } from "#core/bounds.ts";
import { type Mark, withMark } from "#core/message/mark.ts";
import type { Utterance } from "#core/message/utterance.ts";
import type { JsonObject } from "#core/protocol/event.ts";
import { EventId } from "#core/protocol/ids.ts";
import { toHtml } from "./markdown.ts";
import { namedIn } from "./mentions.ts";

/** @see https://github.com/matrix-org/matrix-spec-proposals/pull/4357 */
const LIVE = "org.matrix.msc4357.live";

/** The content of the event that says this. */
export function contentOf(utterance: Utterance): JsonObject {
  // Half a surrogate pair, as where a stream was cut within an emoji: Synapse answers 500 to it, again and again.
  const markdown = utterance.part.markdown.toWellFormed();
  const content = messageContent(utterance, markdown);
  if (utterance.say === "message") return inThread(content, utterance.thread);
  // The homeserver keeps the relation of the original, so an edit names no thread. No earlier edit mentions any user,
  // so all mentions of this one are new, and stand outside as well as inside.
  return {
    ...content,
    body: `* ${markdown}`,
    "m.new_content": content,
    "m.relates_to": { rel_type: "m.replace", event_id: utterance.original },
  };
}

function messageContent({ mark, mentions }: Utterance, markdown: string): JsonObject {
  const html = toHtml(markdown);
  const content = {
    msgtype: mark.kind === "notice" ? "m.notice" : "m.text",
    body: markdown,
    // Always present: without it clients and homeservers look for names in the body.
    "m.mentions": mentions.length > 0 ? { user_ids: [...mentions] } : {},
    ...(html === undefined ? {} : { format: "org.matrix.custom.html", formatted_body: html }),
    ...(mark.kind === "draft" ? { [LIVE]: {} } : {}),
  };
  return withMark(content, mark);
}

function inThread(content: JsonObject, thread: EventId | undefined): JsonObject {
  if (thread === undefined) return content;
  const relation = { rel_type: "m.thread", event_id: thread, is_falling_back: true };
  return { ...content, "m.relates_to": { ...relation, "m.in_reply_to": { event_id: thread } } };
}

const encoder = new TextEncoder();
/** A text this short always fits: three bytes a character at most, about thirty in HTML (a nested quote), all of it twice. */
const FITS_LENGTH = 500;

/** True when a text can be sent as an edit, which holds it twice, with as many mentions as it names. */
export function fitsAsEdit(markdown: string, mark: Mark): boolean {
  if (markdown.length <= FITS_LENGTH) return true;
  // Cheap: an edit has the text twice, a byte or more for each character, so a longer one need not be rendered.
  if (2 * markdown.length > BOUNDS.eventContent.max) return false;
  const mentions = mark.kind === "reply" ? namedIn(markdown) : [];
  const edit = contentOf({ say: "edit", original: SOME_EVENT, part: { type: "text", markdown }, mark, mentions });
  return encoder.encode(JSON.stringify(edit)).length <= BOUNDS.eventContent.max;
}

/** As long as an event id can get. */
const SOME_EVENT = EventId.parse(`$${"x".repeat(254)}`);
