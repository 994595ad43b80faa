/** Rooms: entering and leaving them, their aliases, their state. */
import * as z from "zod/v4";
import { BOUNDS } from "../../bounds.ts";
import { err, ok } from "../../result.ts";
import type { JsonObject } from "../event.ts";
import { RoomId } from "../ids.ts";
import { type RoomState, readStateEvent, type StateType } from "../room-state.ts";
import { answerOf, CLIENT, confirmedBy, type Request, unread } from "./request.ts";

/** The path of a room, for the endpoints below it. */
export const roomPath = (roomId: RoomId): string => `${CLIENT}/rooms/${encodeURIComponent(roomId)}`;

/** The path ends with a slash where the state key is empty. */
const statePath = (roomId: RoomId, type: string, stateKey: string) =>
  `${roomPath(roomId)}/state/${encodeURIComponent(type)}/${encodeURIComponent(stateKey)}`;

/**
 * Joins a room. `via` names servers that are in it, for a room our own server is not in yet.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidjoin
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3joinroomidoralias
 */
export function joinRoom(roomId: RoomId, via: readonly string[] = []): Request<undefined> {
  if (via.length === 0) return { method: "POST", path: `${roomPath(roomId)}/join`, body: "{}", answer: ENTERED };
  return {
    method: "POST",
    path: `${CLIENT}/join/${encodeURIComponent(roomId)}`,
    // `server_name` is the name before v1.12 of the specification.
    query: { via, server_name: via },
    body: "{}",
    remote: via[0] ?? "",
    answer: ENTERED,
  };
}

const ENTERED = confirmedBy("room_id");

/**
 * Leaves a room, or rejects an invitation to it: `inviter` is the server it came from, where that is another one.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidleave
 */
export const leaveRoom = (roomId: RoomId, reason?: string, inviter?: string): Request<undefined> => ({
  method: "POST",
  path: `${roomPath(roomId)}/leave`,
  body: JSON.stringify(reason === undefined ? {} : { reason }),
  ...(inviter === undefined ? {} : { remote: inviter }),
  answer: unread,
});

/**
 * The room an alias means; `M_NOT_FOUND` where it means none.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias
 */
export const roomByAlias = (alias: string): Request<RoomId> => ({
  method: "GET",
  path: `${CLIENT}/directory/room/${encodeURIComponent(alias)}`,
  answerMsMax: BOUNDS.aliasTime.max,
  remote: alias.slice(alias.indexOf(":") + 1),
  answer: answerOf(
    z.object({ room_id: RoomId }).transform(({ room_id }) => room_id),
    "room_id",
  ),
});

/**
 * The state event of a type, with an empty state key, as far as we keep it. Homeservers that do not know `format` answer its
 * content. `M_NOT_FOUND` where there is no such event.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey
 */
export const stateEvent = (roomId: RoomId, type: StateType): Request<Partial<RoomState>> => ({
  method: "GET",
  path: statePath(roomId, type, ""),
  query: { format: "event" },
  answer(json) {
    const state = readStateEvent(type, json);
    return state ? ok(state) : err(`answer without ${type}`);
  },
});

/**
 * Sends a state event.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey
 */
export const setState = (roomId: RoomId, type: string, stateKey: string, content: JsonObject): Request<undefined> => ({
  method: "PUT",
  path: statePath(roomId, type, stateKey),
  body: JSON.stringify(content),
  answer: confirmedBy("event_id"),
});
