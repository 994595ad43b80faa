/**
 * Events as a homeserver pushes them. Each is read alone and leniently: fields we do not use are kept as they came.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#room-event-format
 */
import * as z from "zod/v4";
import { EventId, RoomId, UserId } from "./ids.ts";
import { isObject } from "./json.ts";

const Content = z.custom<Record<string, unknown>>(isObject, "expected an object");

export const RoomEvent = z.object({
  event_id: EventId,
  room_id: RoomId,
  type: z.string(),
  sender: UserId,
  content: Content,
  /** Present (even when empty) exactly on state events. */
  state_key: z.string().optional(),
  origin_server_ts: z.number().optional(),
  redacts: z.string().optional(),
  unsigned: z
    .looseObject({ age: z.number().optional().catch(undefined), prev_content: Content.optional().catch(undefined) })
    .optional()
    .catch(undefined),
});
export type RoomEvent = z.infer<typeof RoomEvent>;

/** Any value of JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
