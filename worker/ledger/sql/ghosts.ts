/** SQL that tells our own users from others, and finds the agents behind them. */
import { BOUNDS } from "#core/bounds.ts";
import type { Namespace } from "#core/protocol/ids.ts";
import { type Sql, sql } from "./database.ts";

/** A prefix followed by this sorts after every user id that has the prefix. */
const LAST = "\u{10ffff}";

export interface GhostSql {
  /** The column `user_id` has the form of a ghost's user id, whether or not the agent exists. A range, so indexes apply. */
  isGhost: Sql;
  /** The agent's id, cut out of the column `user_id`. */
  id: Sql;
  /** An agent with that id exists, or a family it belongs to. */
  isAgent: Sql;
  /** The agent's stored text without the avatar, which may be a megabyte. */
  spec: Sql;
  /** The user id of the agent with this id. */
  userId(id: Sql): Sql;
  /** The same as `isOurs` of core/protocol/ids.ts. */
  isOurs(column: Sql): Sql;
  /** `first`: the prefix of all ghosts' user ids. `first + last` sorts after every one of them (for range scans). */
  first: string;
  last: string;
}

export function ghostSql({ ghostPrefix, serverName, botLocalpart }: Namespace): GhostSql {
  const [prefix, suffix] = [`@${ghostPrefix}`, `:${serverName}`];
  const around = prefix.length + suffix.length;
  const server = (column: Sql) => sql`substr(${column}, instr(${column}, ':')) = ${suffix}`;
  // The id is cut out of the user id and looked up. Comparing user ids with all agents would scan the whole table.
  const idIn = (column: Sql) => sql`substr(${column}, ${prefix.length + 1}, length(${column}) - ${around})`;
  const id = idIn(sql`user_id`);
  const hasId = (column: Sql) => sql`
    length(${column}) BETWEEN ${around + 1} AND ${around + BOUNDS.agentId.max}
    AND ${idIn(column)} NOT GLOB '*[^a-z0-9_.=-]*'`;
  return {
    first: prefix,
    last: LAST,
    isGhost: sql`
      user_id >= ${prefix} AND user_id < ${`${prefix}${LAST}`} AND ${server(sql`user_id`)} AND ${hasId(sql`user_id`)}`,
    id,
    isAgent: isAgentId(id),
    spec: specOf(id, sql`(${withoutAvatar(sql`agents.agent`)}) || ''`),
    userId: (agentId) => sql`${prefix} || ${agentId} || ${suffix}`,
    isOurs: (column) => sql`(
      ${column} = ${`@${botLocalpart}${suffix}`}
      OR ${server(column)} AND substr(${column}, 1, ${prefix.length}) = ${prefix} AND ${hasId(column)})`,
  };
}

/** An agent's text without its avatar. What is no JSON stays as it is: SQLite's functions throw on it. */
export const withoutAvatar = (text: Sql): Sql =>
  sql`CASE WHEN json_valid(${text}) THEN json_remove(${text}, '$.avatar') ELSE ${text} END`;

export const avatarIn = (text: Sql): Sql => sql`CASE WHEN json_valid(${text}) THEN ${text} -> '$.avatar' END`;

/** An agent with this id exists, or a family it belongs to. */
export const isAgentId = (id: Sql): Sql => sql`(
  EXISTS (SELECT 1 FROM agents WHERE agents.id = ${id} AND agents.retired = 0)
  OR EXISTS (SELECT 1 FROM agents WHERE family = 1 AND retired = 0 AND ${isMember(id)}))`;

/**
 * The id belongs to the family in the row of `agents`: the one `*` there stands for any text. Not GLOB, whose patterns D1
 * limits to 50 bytes.
 *
 * @see https://developers.cloudflare.com/d1/platform/limits/
 */
export const isMember = (id: Sql): Sql => isMemberOf(id, sql`agents.id`);

/** The same for the family with this key. */
export const isMemberOf = (id: Sql, family: Sql): Sql => sql`(
  SELECT length(own) >= length(pattern) - 1
    AND substr(own, 1, instr(pattern, '*') - 1) = substr(pattern, 1, instr(pattern, '*') - 1)
    AND substr(own, length(own) - length(pattern) + instr(pattern, '*') + 1) = substr(pattern, instr(pattern, '*') + 1)
  FROM (SELECT ${id} AS own, ${family} AS pattern))`;

/** A column of the agent with this id or, where there is none, of the matching family with the longest id. */
export const specOf = (id: Sql, column: Sql): Sql => sql`
  coalesce(
    (SELECT ${column} FROM agents WHERE agents.id = ${id} AND agents.retired = 0),
    (SELECT ${column} FROM agents
      WHERE family = 1 AND retired = 0 AND ${isMember(id)} ORDER BY length(agents.id) DESC, agents.id LIMIT 1))`;
