/** Calls for rooms: memberships, members, messages, typing, state. Sends are in `sends.ts`. */
import type { JsonObject } from "#core/protocol/event.ts";
import { isOurs, UserId } from "#core/protocol/ids.ts";
import { asRead } from "../push/wire.ts";
import { append, joined, membership, type Room, type Store, setMembership } from "../store.ts";
import { type Answer, answer, type Needs, type Respond, type Route, refusal, type UserCall } from "./call.ts";

const IN_ROOM = String.raw`^\/client\/(?:v3|r0)\/rooms\/([^/]+)`;
const inRoom = (rest: string) => new RegExp(`${IN_ROOM}${rest}$`);
const STATE = inRoom(String.raw`\/state\/([^/]+)(?:\/([^/]*))?`);
const MESSAGES_DEFAULT = 10;

export const roomAnswers = (needs: Needs, send: Respond): Route[] => [
  ...ownRoomAnswers(needs),
  ...membershipAnswers(needs),
  ...memberAnswers(needs),
  ["PUT", inRoom(String.raw`\/(?:send|redact)\/([^/]+)\/([^/]+)`), send],
];

/** The rooms of the acting user, and the invitations they have not answered. */
function ownRoomAnswers({ store }: Needs): Route[] {
  const roomsWith = (userId: string, kind: string) =>
    [...store.rooms.values()].filter((room) => membership(room, userId) === kind);
  const joinedRooms: Respond = ({ userId }) =>
    answer(200, { joined_rooms: roomsWith(userId, "join").map(({ id }) => id) });
  const sync: Respond = (call) => {
    const invite: JsonObject = {};
    for (const { id, state } of roomsWith(call.userId, "invite")) {
      const event = state.get(`m.room.member|${call.userId}`);
      if (!event) continue;
      const { type, state_key = "", sender, content } = event;
      invite[id] = { invite_state: { events: [...(event.inviteState ?? []), { type, state_key, sender, content }] } };
    }
    return answer(200, { next_batch: `s${store.stream.length}`, rooms: { invite } });
  };
  return [
    ["GET", /^\/client\/v3\/joined_rooms$/, joinedRooms],
    ["GET", /^\/client\/v3\/sync$/, sync],
  ];
}

function membershipAnswers({ store, written }: Needs): Route[] {
  const join: Respond = ({ userId }, [id = ""]) => {
    const room = store.rooms.get(id);
    if (!room)
      return refusal(
        404,
        "M_UNKNOWN",
        "Can't join remote room because no servers that are in the room have been provided.",
      );
    const now = membership(room, userId);
    if (now !== "join" && now !== "invite") return refusal(403, "M_FORBIDDEN", "You are not invited to this room.");
    if (now === "invite") setMembership(store, id, userId, userId, { membership: "join" });
    written();
    return answer(200, { room_id: id });
  };
  const leave: Respond = ({ userId }, [id = ""]) => {
    setMembership(store, id, userId, userId, { membership: "leave" });
    written();
    return answer(200);
  };
  return [
    ["POST", inRoom("/join"), join],
    ["POST", /^\/client\/v3\/join\/([^/]+)$/, join],
    ["POST", inRoom("/leave"), leave],
  ];
}

function memberAnswers({ store, namespace, written, typing }: Needs): Route[] {
  /** Refuses users who are not in the room. */
  const member =
    (respond: (call: UserCall, room: Room, parts: string[]) => Answer): Respond =>
    (call, [id = "", ...parts]) => {
      const room = store.rooms.get(id);
      if (room && membership(room, call.userId) === "join") return respond(call, room, parts);
      return refusal(403, "M_FORBIDDEN", `User ${call.userId} not in room ${id}`);
    };
  const members = (room: Room) =>
    joined(room).map((user) => {
      const { displayname = null, avatar_url = null } = store.users.get(user) ?? {};
      return [user, { display_name: displayname, avatar_url }];
    });
  const setState = ({ userId, body }: UserCall, room: Room, [type = "", stateKey = ""]: string[]): Answer => {
    const before = room.state.get(`${type}|${stateKey}`);
    // The same content by the same sender makes no new event.
    if (before?.sender === userId && JSON.stringify(before.content) === JSON.stringify(body))
      return answer(200, { event_id: before.event_id });
    const event = append(store, { room: room.id, type, sender: userId, stateKey, content: body });
    written();
    return answer(200, { event_id: event.event_id });
  };
  /** An appservice may read them as any of its users, once one of them is in the room. */
  const joinedMembers: Respond = (_, [id = ""]) => {
    const room = store.rooms.get(id);
    if (room && joined(room).some((user) => isOurs(namespace, UserId.parse(user))))
      return answer(200, { joined: Object.fromEntries(members(room)) });
    return refusal(403, "M_FORBIDDEN", "Appservice not in room");
  };
  return [
    ["GET", inRoom("/joined_members"), joinedMembers],
    [
      "GET",
      inRoom("/event/([^/]+)"),
      member((call, room, [eventId]) => {
        const event = room.events.find((one) => one.event_id === eventId);
        if (!event) return refusal(404, "M_NOT_FOUND", "Event not found.");
        return answer(
          200,
          asRead(event, Date.now(), call, (id) => store.byId.get(id)),
        );
      }),
    ],
    ["GET", inRoom("/messages"), member((call, room) => messages(store, call, room))],
    [
      "GET",
      inRoom("/state"),
      member((call, room) =>
        answer(
          200,
          [...room.state.values()].map((event) =>
            asRead(event, Date.now(), call, (eventId) => store.byId.get(eventId)),
          ),
        ),
      ),
    ],
    [
      "GET",
      STATE,
      member((call, room, [type = "", key = ""]) => {
        const event = room.state.get(`${type}|${key}`);
        if (!event) return refusal(404, "M_NOT_FOUND", "Event not found.");
        const isWhole = call.query.get("format") === "event";
        return answer(200, isWhole ? asRead(event, Date.now(), call, (id) => store.byId.get(id)) : event.content);
      }),
    ],
    ["PUT", STATE, member(setState)],
    [
      "PUT",
      inRoom(String.raw`\/typing\/([^/]+)`),
      member(({ userId, body }, room) => {
        typing(room.id, body["typing"] === true ? [userId] : []);
        return answer(200);
      }),
    ],
    ["POST", inRoom(String.raw`\/(?:receipt\/.+|read_markers)`), member(() => answer(200))],
  ];
}

/** A page of messages, newest first with `dir=b`. Only an empty page has no `end`. */
function messages(store: Store, call: UserCall, room: Room): Answer {
  const { query } = call;
  const back = query.get("dir") === "b";
  const limit = Number(query.get("limit") ?? MESSAGES_DEFAULT);
  const from = query.get("from");
  const at = from === null ? undefined : Number(/^t(\d+)$/.exec(from)?.[1]);
  if (Number.isNaN(at)) return refusal(400, "M_INVALID_PARAM", "'from' parameter is invalid");
  const beyond = back
    ? room.events.filter(({ position }) => at === undefined || position < at).reverse()
    : room.events.filter(({ position }) => at === undefined || position >= at);
  const chunk = beyond.slice(0, limit);
  const last = chunk.at(-1)?.position ?? 0;
  const now = Date.now();
  return answer(200, {
    chunk: chunk.map((event) => asRead(event, now, call, (eventId) => store.byId.get(eventId))),
    start: from ?? `t${back ? (room.events.at(-1)?.position ?? 0) + 1 : 0}`,
    ...(chunk.length > 0 ? { end: `t${back ? last : last + 1}` } : {}),
  });
}
