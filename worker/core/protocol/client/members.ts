/** Members of a room, and the rooms of a member. */
import * as z from "zod/v4";
import { BOUNDS } from "../../bounds.ts";
import { err, ok } from "../../result.ts";
import { EventId, RoomId, splitUserId, UserId } from "../ids.ts";
import { isObject } from "../json.ts";
import { answerOf, CLIENT, type Request } from "./request.ts";
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

/**
 * The rooms that the acting user has joined.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3joined_rooms
 */
export const joinedRooms = (): Request<RoomId[]> => ({
  method: "GET",
  path: `${CLIENT}/joined_rooms`,
  answerMsMax: BOUNDS.comparedUserTime.max,
  answer: answerOf(
    z.object({ joined_rooms: z.array(z.unknown()) }).transform(({ joined_rooms }) => joined_rooms.flatMap(roomIn)),
    "joined_rooms",
  ),
});

const roomIn = (id: unknown): RoomId[] => {
  const roomId = RoomId.safeParse(id).data;
  return roomId === undefined ? [] : [roomId];
};

/** An event that says who is a member. `before`: the one it replaced. */
export interface MemberEvent {
  content: Record<string, unknown>;
  before?: EventId;
  /** The content of the one before, where the homeserver adds it. */
  contentBefore?: Record<string, unknown>;
}

const Unsigned = z.object({
  replaces_state: EventId.optional().catch(undefined),
  prev_content: z.record(z.string(), z.unknown()).optional().catch(undefined),
});

const readMemberEvent = answerOf(
  z
    .object({ content: z.record(z.string(), z.unknown()), unsigned: Unsigned.optional().catch(undefined) })
    .transform(({ content, unsigned: { replaces_state: before, prev_content: contentBefore } = {} }): MemberEvent => {
      return { content, ...(before ? { before } : {}), ...(contentBefore ? { contentBefore } : {}) };
    }),
  "content",
);

/**
 * The membership of a user.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey
 */
export const memberEvent = (roomId: RoomId, userId: UserId): Request<MemberEvent> => ({
  method: "GET",
  path: `${roomPath(roomId)}/state/m.room.member/${encodeURIComponent(userId)}`,
  query: { format: "event" },
  answer: readMemberEvent,
});

/**
 * The membership that another one replaced.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid
 */
export const memberBefore = (roomId: RoomId, eventId: EventId): Request<MemberEvent> => ({
  method: "GET",
  path: `${roomPath(roomId)}/event/${encodeURIComponent(eventId)}`,
  answer: readMemberEvent,
});

/** Nothing but invitations: no timeline, no state, no account data. */
const INVITATIONS = JSON.stringify({
  room: {
    timeline: { limit: 1, types: [] },
    state: { types: [] },
    ephemeral: { types: [] },
    account_data: { types: [] },
  },
  account_data: { types: [] },
  presence: { types: [] },
});

const Invited = z.object({
  rooms: z.object({ invite: z.record(z.string(), z.unknown()).optional() }).optional(),
});

/**
 * The invitations that the acting user has not answered, at most `invitationsRead` of them, as events to be read. No other
 * endpoint tells them.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
 */
export const openInvitations = (userId: UserId): Request<Record<string, unknown>[]> => ({
  method: "GET",
  path: `${CLIENT}/sync`,
  query: { timeout: "0", set_presence: "offline", filter: INVITATIONS },
  answerMsMax: BOUNDS.comparedUserTime.max,
  answer: answerOf(
    Invited.transform(({ rooms }) =>
      Object.entries(rooms?.invite ?? {})
        .slice(0, BOUNDS.invitationsRead.max)
        .flatMap(([roomId, invited]) => invitationIn(roomId, invited, userId)),
    ),
    "rooms",
  ),
});

/** A stripped event: homeservers may leave out its id and its time. */
function invitationIn(room_id: string, invited: unknown, userId: UserId): Record<string, unknown>[] {
  const state = fieldOf(fieldOf(invited, "invite_state"), "events");
  const found = (Array.isArray(state) ? state.slice(0, BOUNDS.strippedState.max) : []).find(
    (one) => fieldOf(one, "type") === "m.room.member" && fieldOf(one, "state_key") === userId,
  );
  return isObject(found) && fieldOf(found["content"], "membership") === "invite" ? [{ ...found, room_id }] : [];
}

const fieldOf = (json: unknown, name: string): unknown =>
  typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined;
