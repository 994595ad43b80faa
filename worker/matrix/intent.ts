/**
 * The client–server API as one of our users. `user_id` and `device_id` go along with every request: only with a device
 * does Synapse remember a send's transaction id across its own restarts.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#identity-assertion
 */
import * as z from "zod/v4";
import { type RoomId, UserId } from "#core/protocol/ids.ts";
import { ok } from "#core/result.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { Call } from "./client-server.ts";

const MESSAGES_PAGE = 100;
const Members = z.object({ joined: z.record(z.string(), z.unknown()) });
const Messages = z.object({ chunk: z.array(z.json()), end: z.string().optional() });

const CLIENT = "/_matrix/client/v3";
const room = (roomId: RoomId) => `${CLIENT}/rooms/${encodeURIComponent(roomId)}`;
/** What is bound to a room's state is written with its slash, also where the state key is empty. */
const stateOf = (roomId: RoomId, type: string, stateKey: string) =>
  `${room(roomId)}/state/${encodeURIComponent(type)}/${encodeURIComponent(stateKey)}`;

export function bindIntent(call: Call, userId: UserId, deviceId: string): Intent {
  const identity = { user_id: userId, device_id: deviceId };
  return {
    userId,
    deviceId,
    put: (path, body) => call({ method: "PUT", path, query: identity, body }),
    join: (roomId, via = []) =>
      call(
        via.length === 0
          ? { method: "POST", path: `${room(roomId)}/join`, query: identity, body: "{}" }
          : {
              method: "POST",
              path: `${CLIENT}/join/${encodeURIComponent(roomId)}`,
              // The older of the two names for homeservers before v1.12 of the specification.
              query: { ...identity, via, server_name: via },
              body: "{}",
            },
      ),
    leave: (roomId, reason) =>
      call({
        method: "POST",
        path: `${room(roomId)}/leave`,
        query: identity,
        body: JSON.stringify(reason === undefined ? {} : { reason }),
      }),
    state: (roomId, type, format) =>
      call({
        method: "GET",
        path: stateOf(roomId, type, ""),
        query: { ...identity, ...(format === undefined ? {} : { format }) },
      }),
    setState: (roomId, type, stateKey, content) =>
      call({
        method: "PUT",
        path: stateOf(roomId, type, stateKey),
        query: identity,
        body: JSON.stringify(content),
      }),
    resolveAlias: (alias) =>
      call({ method: "GET", path: `${CLIENT}/directory/room/${encodeURIComponent(alias)}`, query: identity }),
    event: (roomId, eventId) =>
      call({ method: "GET", path: `${room(roomId)}/event/${encodeURIComponent(eventId)}`, query: identity }),
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
