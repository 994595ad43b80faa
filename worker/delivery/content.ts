/**
 * The content of an event of ours: Markdown as body, HTML beside it, our mark in it, and the shape of an edit.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes
 * @see https://spec.matrix.org/v1.19/client-server-api/#event-replacements
 */
import { BOUNDS } from "#core/bounds.ts";
import { withMark } from "#core/message/mark.ts";
import type { Utterance } from "#core/message/utterance.ts";
import type { JsonObject } from "#core/protocol/event.ts";
import type { EventId } from "#core/protocol/ids.ts";
import { pillOf } from "./html/markdown.ts";
import { type GiveWay, toHtml } from "./html/render.ts";

/** @see https://github.com/matrix-org/matrix-spec-proposals/pull/4357 */
const LIVE = "org.matrix.msc4357.live";

const encoder = new TextEncoder();

/** The content of the event that says this. Its HTML is left out where it would be too long. */
export async function contentOf(utterance: Utterance, giveWay: GiveWay): Promise<JsonObject> {
  // Half a surrogate pair, as where a stream was cut within an emoji: Synapse answers 500 to it, again and again.
  const markdown = utterance.part.markdown.toWellFormed();
  const content = around(utterance, markdown, await toHtml(markdown, giveWay));
  const isTooLong = encoder.encode(JSON.stringify(content)).length > BOUNDS.eventContent.max;
  return isTooLong ? around(utterance, markdown, undefined) : content;
}

/** The content around a text: that of a message, or that of an edit. */
function around(utterance: Utterance, markdown: string, html: string | undefined): JsonObject {
  const content = messageContent(utterance, markdown, html);
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

function messageContent(utterance: Utterance, markdown: string, html: string | undefined): JsonObject {
  const { mark } = utterance;
  // A mention that nobody sees, as in the definition of a link, or that is shown as another user's, notifies nobody.
  const mentions = utterance.mentions.filter((userId) => html === undefined || html.includes(pillOf(userId)));
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
