/** Members of a room. */
import * as z from "zod/v4";
import { type RoomId, UserId } from "../ids.ts";
import { answerOf, type Request } from "./request.ts";
import { roomPath } from "./rooms.ts";

/** Whoever asks is a member, so a list without any is not the room's. */
const Members = z
  .object({ joined: z.record(z.string(), z.unknown()) })
  .transform(({ joined }) => Object.keys(joined).flatMap((id) => UserId.safeParse(id).data ?? []))
  .refine((members) => members.length > 0);

/**
 * The joined members. Only members of the room may ask.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members
 */
export const joinedMembers = (roomId: RoomId): Request<UserId[]> => ({
  method: "GET",
  path: `${roomPath(roomId)}/joined_members`,
  answer: answerOf(Members, "joined"),
});
