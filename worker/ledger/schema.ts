/**
 * The ledger's tables. `migrations/` is generated from here by `npm run migration`; merged files never change.
 *
 * What is open is found through partial indexes with literal conditions, so that looking for it costs what is open and
 * not what was ever stored.
 */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { UNLISTED_REASONS } from "#core/gate/reasons.ts";

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(", ");

/** Pushes, for the operator's eyes: nothing is decided on a transaction id, a homeserver may count from 1 again. */
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

/** Roll-up of the verdicts, written with each of them. */
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
    prompt: text("prompt").notNull(),
    sentAtMs: integer("sent_at_ms").notNull(),
    state: text("state", { enum: ["queued", "running", "answered", "delivered"] }).notNull(),
    attempt: integer("attempt").notNull(),
    notBeforeMs: integer("not_before_ms").notNull(),
    replyKind: text("reply_kind", { enum: ["reply", "notice"] }),
    reply: text("reply"),
    askedAtMs: integer("asked_at_ms").notNull().default(0),
    failures: integer("failures").notNull().default(0),
    /** What was last shown of an answer that is not whole. */
    shown: text("shown"),
    /** Why there is no answer of the agent's. */
    ending: text("ending"),
    /** How many agents have answered each other before this. */
    hop: integer("hop").notNull().default(0),
    answeredAtMs: integer("answered_at_ms").notNull().default(0),
  },
  (table) => [
    uniqueIndex("turns_id").on(table.id),
    uniqueIndex("turns_cause").on(table.eventId, table.agent),
    index("turns_session").on(table.session, table.seq),
    index("turns_open").on(table.session, table.seq).where(sql`state <> 'delivered'`),
    index("turns_running").on(table.agent).where(sql`state = 'running'`),
    index("turns_said").on(table.roomId, table.seq).where(sql`reply IS NOT NULL`),
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
    agent: text("agent").notNull(),
    userId: text("user_id").notNull(),
    deviceId: text("device_id").notNull(),
    path: text("path").notNull(),
    body: text("body").notNull(),
    state: text("state", { enum: ["frozen", "sent", "dead"] }).notNull(),
    eventId: text("event_id"),
    attempt: integer("attempt").notNull(),
    notBeforeMs: integer("not_before_ms").notNull(),
  },
  (table) => [
    uniqueIndex("outbox_key").on(table.key),
    index("outbox_open").on(table.lane, table.seq).where(sql`state = 'frozen'`),
    index("outbox_turn_open").on(table.turnId).where(sql`state = 'frozen'`),
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

/** What a running turn is told. */
export const controls = sqliteTable(
  "controls",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    session: text("session").notNull(),
    kind: text("kind", { enum: ["stop", "interrupt"] }).notNull(),
    /** The last turn it is meant for: what is asked later is not. */
    uptoSeq: integer("upto_seq").notNull().default(Number.MAX_SAFE_INTEGER),
  },
  (table) => [index("controls_session").on(table.session)],
);

/** Of our own users: who was invited as to a direct chat, here or in a room that this one replaced, until they leave. */
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
    /** A room's state as JSON, as far as anybody looks at it (core/protocol/room-state.ts). */
    state: text("state").notNull(),
    /** The same as in the state, to be found by. */
    replacement: text("replacement"),
    /** The room this one replaced, where both of them say so. */
    predecessor: text("predecessor"),
  },
  (table) => [index("rooms_replaced").on(table.replacement).where(sql`replacement IS NOT NULL`)],
);

/** What operators wrote: `defaults`, `groups`, `room:<room id or alias>`; each as JSON. */
export const settings = sqliteTable("settings", {
  name: text("name").primaryKey(),
  value: text("value").notNull(),
  /** A room's layer by which its agents may want to hear what they are not addressed by; not for what it says of single ones. */
  attentive: integer("attentive").notNull().default(0),
});

/** The rooms that aliases of the configuration meant when they were looked up last. */
export const aliases = sqliteTable(
  "aliases",
  { alias: text("alias").primaryKey(), roomId: text("room_id"), atMs: integer("at_ms").notNull() },
  (table) => [index("aliases_room").on(table.roomId).where(sql`room_id IS NOT NULL`)],
);

/** Conversations that were begun anew: by the key before the first time, the seq of the event that did it. */
export const epochs = sqliteTable("epochs", {
  base: text("base").primaryKey(),
  epoch: integer("epoch").notNull(),
});

/** Threads agents were woken in. Without an agent: more than one was. */
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

/** Who asks to be let in, with the code they were given. */
export const pairings = sqliteTable(
  "pairings",
  {
    agent: text("agent").notNull(),
    userId: text("user_id").notNull(),
    code: text("code").notNull(),
    atMs: integer("at_ms").notNull(),
    /** They were let in by it: kept for a minute, so that whoever asks again is told the same. */
    approvedAtMs: integer("approved_at_ms"),
  },
  (table) => [
    primaryKey({ columns: [table.agent, table.userId] }),
    uniqueIndex("pairings_code").on(sql`code COLLATE NOCASE`),
  ],
);

/** Who was let in. */
export const grants = sqliteTable(
  "grants",
  { userId: text("user_id").notNull(), agent: text("agent").notNull(), atMs: integer("at_ms").notNull() },
  (table) => [primaryKey({ columns: [table.userId, table.agent] })],
);

/** Codes that let in the first who says them. Once used they are kept for a minute, with who it was. */
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
    /** Its id stands for many. */
    family: integer("family").notNull().default(0),
    /** With the defaults below it, it may want to hear what it is not addressed by. */
    attentive: integer("attentive").notNull().default(0),
    /** The name in lower case; empty in rows of before this was kept. */
    nameKey: text("name_key").notNull().default(""),
  },
  (table) => [
    // Each begins with what it is asked by, or SQLite may take any other of them whose condition holds.
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

/** Token buckets: how much of its share of turns somebody has used up. */
export const buckets = sqliteTable("buckets", {
  key: text("key").primaryKey(),
  tokens: real("tokens").notNull(),
  atMs: integer("at_ms").notNull(),
});

/** Where a work that goes on for ever has got to, by name: pruning, gap repair; and when the homeserver was last heard of. */
export const marks = sqliteTable("marks", {
  name: text("name").primaryKey(),
  value: text("value").notNull(),
});
