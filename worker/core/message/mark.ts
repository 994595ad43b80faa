/**
 * Our mark: the content key on everything we send, and the delivery key that names a send. By them we know our own event
 * when it comes back.
 */
import * as z from "zod/v4";
import type { JsonObject, RoomEvent } from "../protocol/event.ts";
import { BOT, EventId } from "../protocol/ids.ts";

/** The content key of our mark. */
export const CONTENT_KEY = "chat.troupe";

export const Mark = z.object({
  /** The speaker: an agent's id or `BOT`. In an event the bot is the empty string. */
  agent: z.string().transform((agent) => (agent === "" ? BOT : agent)),
  /** The turn the event belongs to, or the event or tool call that caused it. */
  turn: z.string(),
  part: z.number(),
  /** How many agents have answered each other since a person spoke. */
  hop: z.number().int().min(0).catch(0),
  kind: z.enum(["reply", "draft", "notice"]),
  /** The thread of the message. An edit carries it too, because the relation of an edit names no thread. */
  thread: EventId.optional().catch(undefined),
  /** How many parts the finished reply has. */
  parts: z.number().optional().catch(undefined),
});
export type Mark = z.infer<typeof Mark>;

/** The mark in an event's content; undefined when neither this nor another Troupe sent it. */
export const markIn = ({ content }: Pick<RoomEvent, "content">): Mark | undefined =>
  Mark.safeParse(content[CONTENT_KEY]).data;

/** The content with the mark in it. */
export function withMark(content: JsonObject, { agent, thread, parts, ...mark }: Mark): JsonObject {
  return {
    ...content,
    [CONTENT_KEY]: {
      agent: agent === BOT ? "" : agent,
      ...mark,
      ...(thread === undefined ? {} : { thread }),
      ...(parts === undefined ? {} : { parts }),
    },
  };
}

/** `<cause>.<part>.<revision>`: names a send, and is its transaction id. The same send always gets the same key. */
export const DeliveryKey = z.string().brand<"DeliveryKey">();
export type DeliveryKey = z.infer<typeof DeliveryKey>;

/** `original`: a new message. `draft`: the first text of a growing reply. `final`: the last edit of a draft. */
type Revision = "original" | "draft" | "final" | `edit${number}-${number}`;

/** The key of an original ends with `0`. It must stay so: stored rows and events in rooms have such keys. */
const ORIGINAL = "0";

export function deliveryKey(cause: string, part: number, revision: Revision): DeliveryKey {
  return DeliveryKey.parse(`${cause}.${part}.${revision === "original" ? ORIGINAL : revision}`);
}

/** True for the last edit of a draft. */
export const isFinalEdit = (key: DeliveryKey): boolean => key.endsWith(".final");

/** The delivery key that the mark of an event names. Undefined for edits of a draft: they are best effort. */
export function keyOfOwn({ kind, turn, part }: Mark, { content }: Pick<RoomEvent, "content">): DeliveryKey | undefined {
  const isEdit = content["m.new_content"] !== undefined;
  if (kind === "draft") return isEdit ? undefined : deliveryKey(turn, part, "draft");
  return deliveryKey(turn, part, isEdit ? "final" : "original");
}
