/** The configuration that operators write, and the users made from it. */
import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

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

/** What the servers of the agents' backends do not take, by the id that the agent is written under. */
export const learnt = sqliteTable("learnt", {
  agent: text("agent").primaryKey(),
  entries: text("entries").notNull(),
  atMs: integer("at_ms").notNull(),
});
