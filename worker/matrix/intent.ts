/**
 * The client–server API as one of our users. `user_id` and `device_id` go along with every request: only with a device
 * does Synapse remember a send's transaction id across its own restarts.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#identity-assertion
 */
import * as z from "zod/v4";
import { type RoomId, UserId } from "#core/protocol/ids.ts";
import { ok } from "#core/result.ts";
import type { Intent } from "#ports";
import type { Call } from "./client-server.ts";

const MESSAGES_PAGE = 100;
const Members = z.object({ joined: z.record(z.string(), z.unknown()) });
const Messages = z.object({ chunk: z.array(z.json()), end: z.string().optional() });

const room = (roomId: RoomId) => `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}`;

export function bindIntent(call: Call, userId: UserId, deviceId: string): Intent {
  const identity = { user_id: userId, device_id: deviceId };
  return {
    userId,
    deviceId,
    put: (path, body) => call({ method: "PUT", path, query: identity, body }),
    join: (roomId) => call({ method: "POST", path: `${room(roomId)}/join`, query: identity, body: "{}" }),
    typing: (roomId, on, timeoutMs) =>
      call({
        method: "PUT",
        path: `${room(roomId)}/typing/${encodeURIComponent(userId)}`,
        query: identity,
        body: JSON.stringify(on ? { typing: true, timeout: timeoutMs } : { typing: false }),
      }),
    async joinedMembers(roomId) {
      const answer = await call({ method: "GET", path: `${room(roomId)}/joined_members`, query: identity });
      if (!answer.ok) return answer;
      const ids = Object.keys(Members.catch({ joined: {} }).parse(answer.value).joined);
      return ok(ids.flatMap((id) => UserId.safeParse(id).data ?? []));
    },
    async messagesBack(roomId, from) {
      const answer = await call({
        method: "GET",
        path: `${room(roomId)}/messages`,
        query: { ...identity, dir: "b", limit: String(MESSAGES_PAGE), ...(from === undefined ? {} : { from }) },
      });
      if (!answer.ok) return answer;
      const { chunk, end } = Messages.catch({ chunk: [] }).parse(answer.value);
      return ok({ events: chunk, ...(end === undefined ? {} : { next: end }) });
    },
  };
}
