/** Members of a room. */
import * as z from "zod/v4";
import { err, ok } from "../../result.ts";
import { type RoomId, splitUserId, UserId } from "../ids.ts";
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

/**
 * The membership events of the joined members, as they came: whoever needs them reads them in slices.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers
 */
export const roomMembers = (roomId: RoomId): Request<readonly unknown[]> => ({
  method: "GET",
  path: `${roomPath(roomId)}/members`,
  query: { membership: "join" },
  answer(json) {
    const chunk: unknown = fieldOf(json, "chunk");
    return Array.isArray(chunk) ? ok(chunk) : err("answer without chunk");
  },
});

const Member = z.object({
  state_key: UserId,
  content: z.object({ membership: z.literal("join"), displayname: z.string().optional().catch(undefined) }),
});

/** A joined member and the name they have in the room; without one, the localpart of their id. */
export function memberIn(raw: unknown): { userId: UserId; name: string } | undefined {
  const member = Member.safeParse(raw).data;
  if (!member) return undefined;
  const { state_key: userId, content } = member;
  return { userId, name: content.displayname?.trim() || splitUserId(userId)[0] };
}

const fieldOf = (json: unknown, name: string): unknown =>
  typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined;
