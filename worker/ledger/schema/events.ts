/**
 * Events as they were pushed, and the verdicts about them.
 *
 * `migrations/` is generated from the tables in this folder by `npm run migration`; merged files never change. Open rows
 * are found through partial indexes with literal conditions, so that a look costs as much as is open, not as much as was
 * ever stored.
 */
import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { UNLISTED_REASONS } from "#core/gate/reasons.ts";

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(", ");

/** Transactions that earlier versions stored. Nothing reads or writes them any more; `prune` deletes the rows. */
export const transactions = sqliteTable("transactions", {
  id: text("id").primaryKey(),
  acceptedAtMs: integer("accepted_at_ms").notNull(),
});

export const events = sqliteTable(
  "events",
  {
    seq: integer("seq").primaryKey({ autoIncrement: true }),
    eventId: text("event_id").notNull(),
    roomId: text("room_id").notNull(),
    /** Read back rather than pushed: its place is right after this seq. */
    afterSeq: integer("after_seq"),
    receivedAtMs: integer("received_at_ms").notNull(),
    /** NULL until the gate has decided. */
    verdict: text("verdict"),
    event: text("event").notNull(),
    /** The agent the verdict is about. */
    about: text("about"),
    /** Numbers behind the verdict, as JSON. */
    evidence: text("evidence"),
    /** How often the handling failed, for reasons of the event's own. */
    failures: integer("failures").notNull().default(0),
    /** The handling is not tried again before. */
    notBeforeMs: integer("not_before_ms").notNull().default(0),
    /** The number of the transaction that pushed it, where its id is one. */
    transactionNumber: integer("transaction_number"),
    /** How far long work on it has come, as JSON (router/stint.ts). */
    progress: text("progress"),
  },
  (table) => [
    uniqueIndex("events_event_id").on(table.eventId),
    index("events_undecided").on(table.roomId, table.seq).where(sql`verdict IS NULL`),
    index("events_put_off").on(table.roomId, table.notBeforeMs).where(sql`verdict IS NULL AND not_before_ms > 0`),
    // For the list of a room's latest verdicts. Every row in it costs a write, so common verdicts are left out.
    index("events_decided")
      .on(table.roomId, table.seq)
      .where(sql.raw(`verdict IS NOT NULL AND verdict NOT IN (${quoted(UNLISTED_REASONS)})`)),
  ],
);

/** How often each verdict was given, written with each of them. */
export const verdicts = sqliteTable("verdicts", {
  verdict: text("verdict").primaryKey(),
  count: integer("count").notNull(),
});
