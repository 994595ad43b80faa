/** Users with access to agents, and those who ask for it. */
import { sql } from "drizzle-orm";
import { integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

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
