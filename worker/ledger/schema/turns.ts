/** Turns, and what is kept about their sessions. */
import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

export const turns = sqliteTable(
  "turns",
  {
    seq: integer("seq").primaryKey({ autoIncrement: true }),
    id: text("id").notNull(),
    session: text("session").notNull(),
    agent: text("agent").notNull(),
    roomId: text("room_id").notNull(),
    threadRoot: text("thread_root"),
    direct: integer("direct").notNull(),
    eventId: text("event_id").notNull(),
    sender: text("sender").notNull(),
    /** The text of the prompt. Parts that are not text will have a column of their own, as JSON. */
    prompt: text("prompt").notNull(),
    sentAtMs: integer("sent_at_ms").notNull(),
    state: text("state", { enum: ["queued", "running", "answered", "delivered"] }).notNull(),
    attempt: integer("attempt").notNull(),
    notBeforeMs: integer("not_before_ms").notNull(),
    replyKind: text("reply_kind", { enum: ["reply", "notice"] }),
    /** The text of the reply, with which echoes are compared. Parts that are not text will have a column of their own. */
    reply: text("reply"),
    askedAtMs: integer("asked_at_ms").notNull().default(0),
    failures: integer("failures").notNull().default(0),
    /** The last text that was shown of an unfinished answer. */
    shown: text("shown"),
    /** Why the turn ended without the agent's answer. */
    ending: text("ending"),
    /** How many agents have answered each other before this. */
    hop: integer("hop").notNull().default(0),
    answeredAtMs: integer("answered_at_ms").notNull().default(0),
    /**
     * The seq of the turn this one was merged into; a seq, because `replay` gives a turn a new id. In rows from before
     * migration 0004 the text of a merged turn is in the other turn's `prompt`, and this is NULL.
     */
    mergedInto: integer("merged_into"),
    /** 1 if the prompt was taken back. Its text is gone by then, and no backend is asked it any more. */
    redacted: integer("redacted").notNull().default(0),
    /** 1 if a message of the reply was taken back. An open turn's reply is emptied when the turn ends. */
    replyRedacted: integer("reply_redacted").notNull().default(0),
    /**
     * The people for whom the agent asks that sent the prompt, as a JSON list. NULL: the sender asks for themselves. In rows
     * from before migration 0006 it is NULL for agents too, and nobody knows for whom they ask.
     */
    onBehalfOf: text("on_behalf_of"),
    /** What an open turn waits for beside its time (ledger/turns/places.ts). */
    waitsFor: text("waits_for"),
    /** How many turns of its agent, and of all, may run, as it was when the turn began to wait for a place. */
    agentPlaces: integer("agent_places").notNull().default(0),
    allPlaces: integer("all_places").notNull().default(0),
    grantedAtMs: integer("granted_at_ms").notNull().default(0),
  },
  (table) => [
    uniqueIndex("turns_id").on(table.id),
    uniqueIndex("turns_cause").on(table.eventId, table.agent),
    index("turns_session").on(table.session, table.seq),
    // Room and sender are there to be counted.
    index("turns_open").on(table.session, table.seq, table.roomId, table.sender).where(sql`state <> 'delivered'`),
    index("turns_running").on(table.agent).where(sql`state = 'running'`),
    index("turns_said").on(table.roomId, table.seq).where(sql`reply IS NOT NULL`),
    index("turns_waiting")
      .on(table.waitsFor, table.agent, table.agentPlaces, table.seq)
      .where(sql`waits_for IS NOT NULL AND state <> 'delivered'`),
    index("turns_merged").on(table.mergedInto).where(sql`merged_into IS NOT NULL`),
  ],
);

/** Controls (stop, interrupt) for turns that are open. */
export const controls = sqliteTable(
  "controls",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    session: text("session").notNull(),
    kind: text("kind", { enum: ["stop", "interrupt"] }).notNull(),
    /** The last turn it applies to. Later turns of the session are not affected. */
    uptoSeq: integer("upto_seq").notNull().default(Number.MAX_SAFE_INTEGER),
  },
  (table) => [index("controls_session").on(table.session)],
);

/** Sessions that were begun anew: by their first key, the seq of the event that began the current epoch. */
export const epochs = sqliteTable("epochs", {
  base: text("base").primaryKey(),
  epoch: integer("epoch").notNull(),
  /** The key of the session that began then, and when. Empty in rows from before these columns. */
  session: text("session").notNull().default(""),
  atMs: integer("at_ms").notNull().default(0),
});
