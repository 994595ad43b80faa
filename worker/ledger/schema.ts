/**
 * The ledger's tables. `migrations/` is generated from here by `npm run migration`; merged files never change.
 *
 * Open rows are found through partial indexes with literal conditions, so that a look costs as much as is open, not as
 * much as was ever stored.
 */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
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
  },
  (table) => [
    uniqueIndex("events_event_id").on(table.eventId),
    index("events_undecided").on(table.roomId, table.seq).where(sql`verdict IS NULL`),
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
  },
  (table) => [
    uniqueIndex("turns_id").on(table.id),
    uniqueIndex("turns_cause").on(table.eventId, table.agent),
    index("turns_session").on(table.session, table.seq),
    index("turns_open").on(table.session, table.seq).where(sql`state <> 'delivered'`),
    index("turns_running").on(table.agent).where(sql`state = 'running'`),
    index("turns_said").on(table.roomId, table.seq).where(sql`reply IS NOT NULL`),
    index("turns_merged").on(table.mergedInto).where(sql`merged_into IS NOT NULL`),
  ],
);

export const lanes = sqliteTable("lanes", {
  id: text("id").primaryKey(),
  owner: text("owner"),
  leaseUntilMs: integer("lease_until_ms").notNull(),
  fence: integer("fence").notNull(),
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
  },
  (table) => [
    uniqueIndex("outbox_key").on(table.key),
    // Its condition is `IS_UNSENT` in ledger/sql/unsent.ts.
    index("outbox_unsent").on(table.lane, table.seq).where(sql`state IN ('queued', 'frozen')`),
    index("outbox_event").on(table.eventId).where(sql`event_id IS NOT NULL`),
  ],
);

export const members = sqliteTable(
  "members",
  {
    roomId: text("room_id").notNull(),
    userId: text("user_id").notNull(),
    membership: text("membership").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.userId] }),
    index("members_joined").on(table.roomId, table.userId).where(sql`membership = 'join'`),
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
  },
  (table) => [index("rooms_replaced").on(table.replacement).where(sql`replacement IS NOT NULL`)],
);

/** Layers and groups as operators wrote them, as JSON: `defaults`, `groups`, `room:<room id or alias>`. */
export const settings = sqliteTable("settings", {
  name: text("name").primaryKey(),
  value: text("value").notNull(),
  /** 1 if the room's own layer makes its agents listen unaddressed. Layers of single agents in the room are not counted. */
  attentive: integer("attentive").notNull().default(0),
});

/** The rooms of the configuration's aliases, as of the last look-up. */
export const aliases = sqliteTable(
  "aliases",
  { alias: text("alias").primaryKey(), roomId: text("room_id"), atMs: integer("at_ms").notNull() },
  (table) => [index("aliases_room").on(table.roomId).where(sql`room_id IS NOT NULL`)],
);

/** Sessions that were begun anew: by their first key, the seq of the event that began the current epoch. */
export const epochs = sqliteTable("epochs", {
  base: text("base").primaryKey(),
  epoch: integer("epoch").notNull(),
});

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

/** Users who ask for access to an agent, with the code they were given. */
export const pairings = sqliteTable(
  "pairings",
  {
    agent: text("agent").notNull(),
    userId: text("user_id").notNull(),
    code: text("code").notNull(),
    atMs: integer("at_ms").notNull(),
    /** When the code was approved. The row stays for a minute, so that a repeated approval gets the same answer. */
    approvedAtMs: integer("approved_at_ms"),
  },
  (table) => [
    primaryKey({ columns: [table.agent, table.userId] }),
    uniqueIndex("pairings_code").on(sql`code COLLATE NOCASE`),
  ],
);

/** Users with access to an agent. */
export const grants = sqliteTable(
  "grants",
  { userId: text("user_id").notNull(), agent: text("agent").notNull(), atMs: integer("at_ms").notNull() },
  (table) => [primaryKey({ columns: [table.userId, table.agent] })],
);

/** Codes that give access to the first user who says them. A used one stays for a minute, with its user. */
export const inviteCodes = sqliteTable(
  "invite_codes",
  {
    agent: text("agent").notNull(),
    code: text("code").notNull(),
    atMs: integer("at_ms").notNull(),
    userId: text("user_id"),
    usedAtMs: integer("used_at_ms"),
  },
  (table) => [primaryKey({ columns: [table.agent, table.code] })],
);

export const agents = sqliteTable(
  "agents",
  {
    id: text("id").primaryKey(),
    /** The whole agent as it was written, as JSON. */
    agent: text("agent").notNull(),
    retired: integer("retired").notNull(),
    /** The id has a `*`: the row stands for many agents. */
    family: integer("family").notNull().default(0),
    /** 1 if its settings, over the defaults, make it listen unaddressed. */
    attentive: integer("attentive").notNull().default(0),
    /** The name in lower case; empty in rows from before this column. */
    nameKey: text("name_key").notNull().default(""),
  },
  (table) => [
    // The first column is the one each query filters on; otherwise SQLite may pick another partial index.
    index("agents_families").on(table.family, table.id).where(sql`family = 1 AND retired = 0`),
    index("agents_attentive").on(table.attentive, table.id).where(sql`attentive = 1 AND retired = 0`),
    index("agents_named").on(table.nameKey).where(sql`family = 0 AND retired = 0`),
  ],
);

export const ghosts = sqliteTable("ghosts", {
  userId: text("user_id").primaryKey(),
  deviceId: text("device_id").notNull(),
  profile: text("profile"),
});

export const deadLetters = sqliteTable("dead_letters", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  kind: text("kind", { enum: ["event", "outbox", "turn"] }).notNull(),
  reason: text("reason").notNull(),
  raw: text("raw").notNull(),
  createdAtMs: integer("created_at_ms").notNull(),
});

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
