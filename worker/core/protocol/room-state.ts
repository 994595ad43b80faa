/**
 * The state of a room, as far as we keep it: read whole when an agent joins, then kept up to date by state events.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels
 */

import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import type { RoomEvent } from "./event.ts";
import { RoomId, UserId } from "./ids.ts";

const text = (value: unknown) => (typeof value === "string" ? value.slice(0, BOUNDS.roomText.max) : "");

const Level = z.coerce.number().int();
/** Everything that fits: of a larger list, the first entries. */
const within = <T>(entries: Record<string, T>): Record<string, T> => {
  let size = 0;
  return Object.fromEntries(
    Object.entries(entries).filter(([key]) => {
      size += key.length + LEVEL_LENGTH;
      return size <= BOUNDS.powerLevels.max;
    }),
  );
};
/** A number, with quotes, colon and comma around it and the key. */
const LEVEL_LENGTH = 20;

const Levels = z.object({
  users: z.record(z.string(), Level.catch(0)).catch({}).transform(within),
  users_default: Level.catch(0),
  state_default: Level.catch(50),
  events: z.record(z.string(), Level.catch(50)).catch({}).transform(within),
});

export const RoomState = z.object({
  name: z.string().default(""),
  topic: z.string().default(""),
  encrypted: z.boolean().default(false),
  /** Undefined while the room has no `m.room.power_levels`. */
  levels: Levels.optional(),
  /** The creators of the room. From room version 12 on their power is above every level. */
  creators: z.array(UserId).default([]),
  /** True from room version 12 on. */
  creatorsRule: z.boolean().default(false),
  /** The room this one replaced, according to its own `m.room.create`. */
  predecessor: RoomId.optional(),
  /** The room that has replaced this one. */
  replacement: RoomId.optional(),
});
export type RoomState = z.infer<typeof RoomState>;
export const NO_STATE: RoomState = RoomState.parse({});

/** The types of the state events that are kept, all with an empty state key. */
export const STATE_TYPES = [
  "m.room.create",
  "m.room.name",
  "m.room.topic",
  "m.room.encryption",
  "m.room.power_levels",
  "m.room.tombstone",
] as const;

export type StateType = (typeof STATE_TYPES)[number];

/** The keys of the state that an event of each type sets. */
export const STATE_KEYS: Record<(typeof STATE_TYPES)[number], readonly (keyof RoomState)[]> = {
  "m.room.create": ["creators", "creatorsRule", "predecessor"],
  "m.room.name": ["name"],
  "m.room.topic": ["topic"],
  "m.room.encryption": ["encrypted"],
  "m.room.power_levels": ["levels"],
  "m.room.tombstone": ["replacement"],
};

/** Room versions in which the creator has only the power that the levels say. */
const CREATORS_DO_NOT_RULE = new Set(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);

/** The change a state event makes; undefined for events that are not kept. */
export function stateIn({
  type,
  content,
  sender,
  state_key,
}: Pick<RoomEvent, "type" | "content" | "sender" | "state_key">): Partial<RoomState> | undefined {
  if (state_key !== "") return undefined;
  switch (type) {
    case "m.room.name":
      return { name: text(content["name"]) };
    case "m.room.topic":
      return { topic: text(content["topic"]) };
    case "m.room.encryption":
      // It cannot be switched off again.
      return { encrypted: true };
    case "m.room.power_levels":
      return { levels: Levels.parse(content) };
    case "m.room.create":
      return createChange(content, sender);
    case "m.room.tombstone": {
      const replacement = RoomId.safeParse(content["replacement_room"]).data;
      return replacement ? { replacement } : {};
    }
    default:
      return undefined;
  }
}

const Content = z.record(z.string(), z.unknown());
/** Stands for a user whose id is unknown, or is none that we read. No user has this id. */
const NOBODY = UserId.parse("@:.");
/** Other servers have users with ids that are too long for us. What they set is the room's state all the same. */
const Sender = z.string().transform((id) => UserId.safeParse(id).data ?? NOBODY);
const StateEvent = z.object({ sender: Sender, content: Content });

/** The keys of which a content of each type has one, if it has any. */
const KEYS: Record<StateType, readonly string[]> = {
  "m.room.create": ["creator", "room_version"],
  "m.room.name": ["name"],
  "m.room.topic": ["topic"],
  "m.room.encryption": ["algorithm"],
  "m.room.power_levels": ["users", "users_default", "events", "state_default", "events_default", "ban", "kick"],
  "m.room.tombstone": ["replacement_room", "body"],
};

/**
 * The change made by an event that was requested by its type: by the whole event, or by its content alone. Undefined for
 * anything else.
 */
export function readStateEvent(type: StateType, raw: unknown): Partial<RoomState> | undefined {
  const event = StateEvent.safeParse(raw).data ?? contentAlone(type, raw);
  return event && stateIn({ ...event, type, state_key: "" });
}

/** A content does not say who sent it. Who made a room is in its content up to room version 10. */
function contentAlone(type: StateType, raw: unknown): z.infer<typeof StateEvent> | undefined {
  const content = Content.safeParse(raw).data;
  if (!content || !KEYS[type].some((key) => Object.hasOwn(content, key))) return undefined;
  return { sender: UserId.safeParse(content["creator"]).data ?? NOBODY, content };
}

const Create = z.object({
  room_version: z.string().catch("1"),
  additional_creators: z.array(z.unknown()).catch([]),
  predecessor: z.object({ room_id: RoomId }).optional().catch(undefined),
});

function createChange(content: RoomEvent["content"], sender: UserId): Partial<RoomState> {
  const { room_version, additional_creators, predecessor } = Create.parse(content);
  const others = additional_creators.slice(0, BOUNDS.creators.max).flatMap((id) => UserId.safeParse(id).data ?? []);
  return {
    creators: [sender, ...others],
    creatorsRule: !CREATORS_DO_NOT_RULE.has(room_version),
    ...(predecessor ? { predecessor: predecessor.room_id } : {}),
  };
}

/** The power of a room's creators: above every level that can be given. */
export const CREATOR_POWER = Number.MAX_SAFE_INTEGER;

/** A user's power level in a room, by its levels or as its creator. */
export function powerOf({ levels, creators, creatorsRule }: RoomState, userId: UserId): number {
  if (creatorsRule && creators.includes(userId)) return CREATOR_POWER;
  // Without m.room.power_levels the creator has 100 and every other user 0.
  if (!levels) return creators[0] === userId ? 100 : 0;
  return Object.hasOwn(levels.users, userId) ? (levels.users[userId] ?? 0) : levels.users_default;
}

/** True where the user may send state events of this type. */
export const maySendState = (state: RoomState, userId: UserId, type: string): boolean =>
  powerOf(state, userId) >= (state.levels?.events[type] ?? state.levels?.state_default ?? 0);
