/**
 * Lanes: the ordered lines of work. Their ids are made and read here and nowhere else; the doorbell carries an id and
 * nothing more.
 *
 * A new kind of lane is a new member of `Lane`; every place that has to treat it then fails to compile.
 */
import { RoomId, UserId } from "../protocol/ids.ts";
import { SessionKey } from "./turn.ts";

/** A lane, as its id names it. */
export type Lane =
  | { kind: "room"; roomId: RoomId }
  | { kind: "session"; session: SessionKey }
  /** The outbox of one of our users in one room. */
  | { kind: "out"; userId: UserId; roomId: RoomId };
export type LaneKind = Lane["kind"];
/** `room:<room id>`, `session:<key>`, `out:<user id>|<room id>`. */
export type LaneId = `${LaneKind}:${string}`;

/** The right to run a lane. Every write of a runner carries it, and writes nothing once the lane has a later fence. */
export interface Lease {
  lane: LaneId;
  fence: number;
}

export const roomLane = (roomId: RoomId): LaneId => `${lanePrefix("room")}${roomId}`;
export const sessionLane = (session: SessionKey): LaneId => `${lanePrefix("session")}${session}`;
export const outLane = (userId: UserId, roomId: RoomId): LaneId => `${lanePrefix("out")}${userId}|${roomId}`;

/** The part of an id before the lane's name, for SQL that puts ids together. */
export const lanePrefix = <Kind extends LaneKind>(kind: Kind): `${Kind}:` => `${kind}:`;

/**
 * Reads an id from outside: a queue's message, a stored one. Undefined when it is none: another version with further
 * kinds may have written it.
 */
export function parseLane(id: string): Lane | undefined {
  const colon = id.indexOf(":");
  const kind = id.slice(0, Math.max(colon, 0));
  return isKind(kind) ? PARSE[kind](id.slice(colon + 1)) : undefined;
}

export const isLane = (id: string): id is LaneId => parseLane(id) !== undefined;

/** Reads an id that was made here. Throws on any other. */
export function laneOf(id: LaneId): Lane {
  const lane = parseLane(id);
  if (!lane) throw new Error(`${id} is no lane`);
  return lane;
}

/** Reads the id of a lane of this kind that was made here. Throws on any other. */
export function laneOfKind<Kind extends LaneKind>(id: LaneId, kind: Kind): Extract<Lane, { kind: Kind }> {
  const prefix = lanePrefix(kind);
  const lane = id.startsWith(prefix) ? PARSE[kind](id.slice(prefix.length)) : undefined;
  if (!lane) throw new Error(`${id} is no ${kind} lane`);
  return lane;
}

const PARSE: { [Kind in LaneKind]: (name: string) => Extract<Lane, { kind: Kind }> | undefined } = {
  room(name) {
    const roomId = RoomId.safeParse(name).data;
    return roomId && { kind: "room", roomId };
  },
  session(name) {
    const session = SessionKey.safeParse(name).data;
    return session && { kind: "session", session };
  },
  out(name) {
    // A room id may hold a bar; the user ids of our namespace hold none.
    const bar = name.indexOf("|");
    const userId = UserId.safeParse(name.slice(0, Math.max(bar, 0))).data;
    const roomId = RoomId.safeParse(name.slice(bar + 1)).data;
    return userId && roomId && { kind: "out", userId, roomId };
  },
};

const isKind = (text: string): text is LaneKind => Object.hasOwn(PARSE, text);
