/** Typing notifications. */
import { BOUNDS } from "../../bounds.ts";
import type { RoomId, UserId } from "../ids.ts";
import { type Request, unread } from "./request.ts";
import { roomPath } from "./rooms.ts";

/**
 * Shows the user as typing for `forMs` milliseconds; 0 takes the notification back.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidtypinguserid
 */
export const setTyping = (roomId: RoomId, userId: UserId, forMs: number): Request<undefined> => ({
  method: "PUT",
  answerMsMax: BOUNDS.typingTime.max,
  path: `${roomPath(roomId)}/typing/${encodeURIComponent(userId)}`,
  body: JSON.stringify(forMs > 0 ? { typing: true, timeout: forMs } : { typing: false }),
  answer: unread,
});
