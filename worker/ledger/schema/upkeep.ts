/** Dead letters, limits and the progress of background work. */
import { index, integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const deadLetters = sqliteTable(
  "dead_letters",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    kind: text("kind", { enum: ["event", "outbox", "turn"] }).notNull(),
    reason: text("reason").notNull(),
    raw: text("raw").notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
    /** The event in `raw`; empty where there is none. NULL in rows from before this column. */
    eventId: text("event_id"),
  },
  (table) => [index("dead_letters_event").on(table.eventId)],
);

/** Token buckets of senders and rooms. */
export const buckets = sqliteTable("buckets", {
  key: text("key").primaryKey(),
  tokens: real("tokens").notNull(),
  atMs: integer("at_ms").notNull(),
});

/** Progress of background work by name (pruning, gap repair), and when the homeserver last answered. */
export const marks = sqliteTable("marks", {
  name: text("name").primaryKey(),
  value: text("value").notNull(),
});
