/** Events of a room: sending one, reading one, reading older ones back. */
import * as z from "zod/v4";
import { type JsonObject, RoomEvent } from "../event.ts";
import { EventId, type RoomId } from "../ids.ts";
import { answerOf, type Request } from "./request.ts";
import { roomPath } from "./rooms.ts";

/**
 * The path of one message. `transactionId` makes it idempotent: the homeserver answers a repeated request of the same
 * user and device with the event id of the first.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers
 */
export const sendPath = (roomId: RoomId, transactionId: string): string =>
  `${roomPath(roomId)}/send/m.room.message/${encodeURIComponent(transactionId)}`;

/**
 * A message whose path and body were stored before the first attempt, so that each attempt sends the same bytes.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
 */
export const frozenMessage = (path: string, body: string): Request<EventId> => ({
  method: "PUT",
  path,
  body,
  answer: answerOf(
    z.object({ event_id: EventId }).transform(({ event_id }) => event_id),
    "event_id",
  ),
});

/** The same for a message that is sent once and not stored. */
export const sendMessage = (roomId: RoomId, transactionId: string, content: JsonObject): Request<EventId> =>
  frozenMessage(sendPath(roomId, transactionId), JSON.stringify(content));

/**
 * One event. Its room may be left out.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid
 */
export const roomEvent = (roomId: RoomId, eventId: EventId): Request<RoomEvent> => ({
  method: "GET",
  path: `${roomPath(roomId)}/event/${encodeURIComponent(eventId)}`,
  answer: (json) => readEvent(typeof json === "object" ? { room_id: roomId, ...json } : json),
});

const readEvent = answerOf(RoomEvent, "an event");

const PAGE_EVENTS = 100;

export interface Page {
  /** Newest first, as they came: all of them may be too much to be read in one go. */
  raws: unknown[];
  /** Where the next older page begins; undefined at the beginning of the room. */
  next?: string;
}

/** Without an `end` the room ends there: one that cannot be read must not be taken for that. */
const Messages = z.object({ chunk: z.array(z.unknown()), end: z.string().nullish() });

/**
 * A page of older events, from the newest one on or from where another page ended.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages
 */
export const messagesBefore = (roomId: RoomId, from?: string): Request<Page> => ({
  method: "GET",
  path: `${roomPath(roomId)}/messages`,
  // What our own server lacks of them it asks others for.
  remote: "",
  query: { dir: "b", limit: String(PAGE_EVENTS), ...(from === undefined ? {} : { from }) },
  answer: answerOf(
    Messages.transform(({ chunk, end }) => ({
      raws: chunk,
      ...(end == null ? {} : { next: end }),
    })),
    "chunk",
  ),
});
