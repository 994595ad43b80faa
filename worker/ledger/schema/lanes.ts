/** Lanes and the messages to send. */
import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

export const lanes = sqliteTable("lanes", {
  id: text("id").primaryKey(),
  owner: text("owner"),
  leaseUntilMs: integer("lease_until_ms").notNull(),
  fence: integer("fence").notNull(),
  /** When a runner last took it. A lane that nobody takes for a day is forgotten. */
  claimedAtMs: integer("claimed_at_ms").notNull().default(0),
});

export const outbox = sqliteTable(
  "outbox",
  {
    seq: integer("seq").primaryKey({ autoIncrement: true }),
    key: text("key").notNull(),
    lane: text("lane").notNull(),
    turnId: text("turn_id"),
    /** An agent's id; empty for the bot. */
    agent: text("agent").notNull(),
    userId: text("user_id").notNull(),
    /** Device, path and body of the request. They are empty while the row is plain, and fixed once it is frozen. */
    deviceId: text("device_id").notNull(),
    path: text("path").notNull(),
    body: text("body").notNull(),
    /**
     * A row stays `queued` as it is frozen: a new state would be written to the index too. `frozen` are rows of the version
     * before, which froze every row when it stored it.
     */
    state: text("state", { enum: ["queued", "frozen", "sent", "dead"] }).notNull(),
    eventId: text("event_id"),
    attempt: integer("attempt").notNull(),
    notBeforeMs: integer("not_before_ms").notNull(),
    /** The utterance of a plain row, as JSON (core/message/utterance.ts). */
    plain: text("plain"),
    /** How the last attempt failed: status and code; and how often in a row it failed so. */
    refusal: text("refusal"),
    refusals: integer("refusals").notNull().default(0),
    /** When a row without a turn was stored. The others are kept as long as their turn. */
    atMs: integer("at_ms").notNull().default(0),
  },
  (table) => [
    uniqueIndex("outbox_key").on(table.key),
    // Its condition is `IS_UNSENT` in ledger/sql/unsent.ts.
    index("outbox_unsent").on(table.lane, table.seq).where(sql`state IN ('queued', 'frozen')`),
    index("outbox_event").on(table.eventId).where(sql`event_id IS NOT NULL`),
  ],
);
