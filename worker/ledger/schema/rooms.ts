/** What is known about rooms: members, state, threads. */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const members = sqliteTable(
  "members",
  {
    roomId: text("room_id").notNull(),
    userId: text("user_id").notNull(),
    membership: text("membership").notNull(),
    /** The place of the event, or of the reading of the whole room, that this is from. An earlier one changes nothing. */
    place: real("place").notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.userId] }),
    index("members_joined").on(table.roomId, table.userId).where(sql`membership = 'join'`),
  ],
);

/** Our users that were invited as to a direct chat, here or in a room that this one replaced. Deleted when they leave. */
export const directs = sqliteTable(
  "directs",
  { roomId: text("room_id").notNull(), userId: text("user_id").notNull() },
  (table) => [primaryKey({ columns: [table.roomId, table.userId] })],
);

export const rooms = sqliteTable(
  "rooms",
  {
    roomId: text("room_id").primaryKey(),
    /** The first of the rooms that replaced each other; its own id where it replaced none. */
    origin: text("origin").notNull(),
    /** `RoomState` as JSON (core/protocol/room-state.ts). */
    state: text("state").notNull(),
    /** The same as in the state, for the index. */
    replacement: text("replacement"),
    /** The room this one replaced, where both of them say so. */
    predecessor: text("predecessor"),
    /** The place that each type of state event in `state` is from, and under `read` that of the last reading, as JSON. */
    places: text("places").notNull().default("{}"),
    /** Since when none of our users is there, as the upkeep found it. */
    leftAtMs: integer("left_at_ms"),
  },
  (table) => [index("rooms_replaced").on(table.replacement).where(sql`replacement IS NOT NULL`)],
);

/** Threads in which agents were woken. `agent` is NULL when there was more than one. */
export const threads = sqliteTable(
  "threads",
  {
    roomId: text("room_id").notNull(),
    root: text("root").notNull(),
    agent: text("agent"),
    holder: text("holder"),
    shared: integer("shared").notNull(),
    atMs: integer("at_ms").notNull(),
  },
  (table) => [primaryKey({ columns: [table.roomId, table.root] }), index("threads_at").on(table.atMs)],
);

/** How often machines woke agents lately. */
export const pairs = sqliteTable(
  "pairs",
  {
    roomId: text("room_id").notNull(),
    sender: text("sender").notNull(),
    agent: text("agent").notNull(),
    sinceMs: integer("since_ms").notNull(),
    count: integer("count").notNull(),
    restUntilMs: integer("rest_until_ms").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.sender, table.agent] }),
    index("pairs_since").on(table.sinceMs),
  ],
);
