/**
 * Our mark: the content key on everything we send, and the delivery key that names a send. Both are how we know our own
 * event when it comes back.
 */
import * as z from "zod/v4";
import type { RoomEvent } from "../protocol/event.ts";
import { EventId } from "../protocol/ids.ts";

/**
 * Our content key, on everything we send: how we know our own when it comes back.
 * `hop` counts agent-to-agent steps since a person spoke; `kind` says what the event is.
 */
export const CONTENT_KEY = "chat.troupe";
export interface ContentMark {
  agent: string;
  /** The turn this belongs to; an event or tool call where there is no turn. */
  turn: string;
  part: number;
  /** On the parts of a finished reply: how many there are. */
  parts?: number;
  hop: number;
  kind: "reply" | "draft" | "notice";
  /** The thread it is said in: an edit does not say it otherwise. */
  thread?: string;
}

const Mark = z.object({
  thread: EventId.optional().catch(undefined),
  agent: z.string(),
  turn: z.string(),
  part: z.number(),
  hop: z.number().int().min(0).catch(0),
  kind: z.enum(["reply", "draft", "notice"]),
});
export type ReadMark = z.infer<typeof Mark>;

/** The mark that everything bears that was sent by this or by another Troupe. */
export const markIn = ({ content }: Pick<RoomEvent, "content">): ReadMark | undefined =>
  Mark.safeParse(content[CONTENT_KEY]).data;

/** The delivery key that the mark of an event names; undefined for the best-effort edits of a draft. */
export function keyOfOwn(mark: ReadMark, { content }: Pick<RoomEvent, "content">): string | undefined {
  const isEdit = content["m.new_content"] !== undefined;
  if (mark.kind === "draft") return isEdit ? undefined : deliveryKey(mark.turn, mark.part, "draft");
  return deliveryKey(mark.turn, mark.part, isEdit ? "final" : "0");
}

/** `<cause>.<part>.<revision>`: the transaction id of a send, the same however often it is made up. */
export const deliveryKey = (cause: string, part: number, revision: string): string => `${cause}.${part}.${revision}`;
