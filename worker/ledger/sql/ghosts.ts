/** Our own users in SQL, and the agents behind them. */
import type { Namespace } from "#core/protocol/ids.ts";
import { type Sql, sql } from "./database.ts";

/** Behind every user id of a range that begins with the same letters. */
const LAST = "\u{10ffff}";

export interface GhostSql {
  /** A column `user_id` holds the user of some agent, whether or not there is one; as a range, for the indexes. */
  isGhost: Sql;
  /** The agent's id in the column `user_id`. */
  id: Sql;
  /** There is an agent of that id, or a family of such. */
  isAgent: Sql;
  /** What was written for it, without the avatar, which may be a megabyte. */
  spec: Sql;
  /** The user id of an agent. */
  userId(id: Sql): Sql;
  /** The column is one of our users: the bot, or anybody whose id begins like an agent's. */
  isOurs(column: Sql): Sql;
  /** What the user ids of agents begin with; behind all that begins with the same comes `first` and `last`. */
  first: string;
  last: string;
}

export function ghostSql({ ghostPrefix, serverName, botLocalpart }: Namespace): GhostSql {
  const [prefix, suffix] = [`@${ghostPrefix}`, `:${serverName}`];
  const server = (column: Sql) => sql`substr(${column}, instr(${column}, ':')) = ${suffix}`;
  // The id is cut out of the user id and looked up: the other way round every agent there is would be looked at.
  const id = sql`substr(user_id, ${prefix.length + 1}, length(user_id) - ${prefix.length + suffix.length})`;
  return {
    ...{ first: prefix, last: LAST },
    isGhost: sql`
      user_id >= ${prefix} AND user_id < ${`${prefix}${LAST}`} AND ${server(sql`user_id`)}
      AND ${id} <> '' AND ${id} NOT GLOB '*[^a-z0-9_.=-]*'`,
    id,
    isAgent: sql`(
      EXISTS (SELECT 1 FROM agents WHERE agents.id = ${id} AND agents.retired = 0)
      OR EXISTS (SELECT 1 FROM agents WHERE family = 1 AND retired = 0 AND ${id} GLOB agents.id))`,
    spec: specOf(id, sql`json_remove(agents.agent, '$.avatar') || ''`),
    userId: (of) => sql`${prefix} || ${of} || ${suffix}`,
    isOurs: (column) => sql`(
      ${server(column)} AND (substr(${column}, 1, ${prefix.length}) = ${prefix} OR ${column} = ${`@${botLocalpart}${suffix}`}))`,
  };
}

/** Something of the agent with this id: of itself, or else of the family with the longest id. */
export const specOf = (id: Sql, what: Sql): Sql => sql`
  coalesce(
    (SELECT ${what} FROM agents WHERE agents.id = ${id} AND agents.retired = 0),
    (SELECT ${what} FROM agents
      WHERE family = 1 AND retired = 0 AND ${id} GLOB agents.id ORDER BY length(agents.id) DESC, agents.id LIMIT 1))`;
