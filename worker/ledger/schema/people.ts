/** Users with access to agents, and those who ask for it. */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

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

/**
 * Invitations of our users that were accepted in the last hour. `inviter`: a local user, or another server. `family`: of the
 * agent, where its account is made for this.
 */
export const admissions = sqliteTable(
  "admissions",
  {
    eventId: text("event_id").primaryKey(),
    inviter: text("inviter").notNull(),
    userId: text("user_id").notNull(),
    family: text("family"),
    atMs: integer("at_ms").notNull(),
  },
  (table) => [
    index("admissions_inviter").on(table.inviter, table.atMs),
    index("admissions_family").on(table.family, table.atMs).where(sql`family IS NOT NULL`),
    index("admissions_at").on(table.atMs),
  ],
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
