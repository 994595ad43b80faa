/** Members of a room. */
import { err, ok } from "../../result.ts";
import type { RoomId } from "../ids.ts";
import type { Request } from "./request.ts";
import { roomPath } from "./rooms.ts";

/**
 * The ids of the joined members, as they came: a room may have a hundred thousand, so whoever needs them reads them in slices.
 * Only members of the room may ask, so a list without any is not the room's.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members
 */
export const joinedMembers = (roomId: RoomId): Request<string[]> => ({
  method: "GET",
  path: `${roomPath(roomId)}/joined_members`,
  answer(json) {
    const joined = fieldOf(json, "joined");
    const ids = typeof joined === "object" && joined !== null && !Array.isArray(joined) ? Object.keys(joined) : [];
    return ids.length > 0 ? ok(ids) : err("answer without joined");
  },
});

const fieldOf = (json: unknown, name: string): unknown =>
  typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined;
