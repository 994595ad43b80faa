/** The database under the ledger's SQL. D1, a libSQL server and a libSQL file each implement it. */
import { BOUNDS } from "#core/bounds.ts";
import type { Namespace, RoomId } from "#core/protocol/ids.ts";
import { type Lease, laneOfKind } from "#core/turn/lane.ts";
import type { SessionKey } from "#core/turn/turn.ts";

export type Value = string | number | null;

/** A statement or a piece of one: a text with a `?` for each value, in their order. */
export interface Sql {
  text: string;
  values: readonly Value[];
}

/** Tagged template: values become parameters, never text; pieces of SQL are inserted. */
export function sql(strings: TemplateStringsArray, ...given: readonly (Value | Sql)[]): Sql {
  let text = "";
  const values: Value[] = [];
  strings.forEach((piece, at) => {
    text += piece;
    const one = given[at];
    if (one === undefined) return;
    if (one !== null && typeof one === "object") {
      text += one.text;
      values.push(...one.values);
    } else {
      text += "?";
      values.push(one);
    }
  });
  return { text, values };
}

/**
 * Said where a write is a promise to the world outside: an answer to the homeserver, to an operator or to a user. It
 * survives a power cut; every other write survives any crash of ours. D1 and libSQL servers keep every write.
 */
export type Durability = "durable";

export interface Database {
  /** Runs one statement and returns its rows. The caller's SQL names the columns of `Row`. */
  all<Row>(statement: Sql, durability?: Durability): Promise<Row[]>;
  /**
   * Runs all statements or none, and returns the rows of each. D1 has no interactive transactions, so every guard is in
   * the SQL.
   */
  atomic(statements: readonly Sql[], durability?: Durability): Promise<readonly unknown[][]>;
  /** Which is faster for many rows: one statement a row, or few statements with lists of rows (`bulk.ts`). */
  bulk: "rows" | "lists";
  namespace: Namespace;
}

/** A condition that is true until a later claim raises the lane's fence. Every write of a lane's runner carries it. */
export const isHeld = ({ lane, fence }: Lease): Sql =>
  sql`EXISTS (SELECT 1 FROM lanes WHERE id = ${lane} AND fence = ${fence})`;

/** About now, in SQL: when the lease ends. */
export const leasedUntil = ({ lane, fence }: Lease): Sql =>
  sql`(SELECT lease_until_ms FROM lanes WHERE id = ${lane} AND fence = ${fence})`;

/**
 * In queries of `lanes`: a runner has the lane. A lease that ends later than any can was taken while the clock was ahead;
 * its runner renews it by the clock as it is now, if it is alive.
 */
export const isLeased = (nowMs: number): Sql =>
  sql`(lanes.lease_until_ms BETWEEN ${nowMs} AND ${nowMs + BOUNDS.leaseAhead.max})`;

/** Releases the lease if nothing is left to do. Returns a row when it did. */
export const releaseUnless = ({ lane, fence }: Lease, isLeft: Sql): Sql => sql`
  UPDATE lanes SET owner = NULL, lease_until_ms = 0
  WHERE id = ${lane} AND fence = ${fence} AND NOT EXISTS (${isLeft}) RETURNING id`;

/** How many rows the last statement of an atomic batch returned. */
export const countOfLast = (results: readonly unknown[][]): number => results.at(-1)?.length ?? 0;

/** The room of a room lane. */
export const roomOf = ({ lane }: Pick<Lease, "lane">): RoomId => laneOfKind(lane, "room").roomId;

/** The session of a session lane. */
export const sessionOf = ({ lane }: Pick<Lease, "lane">): SessionKey => laneOfKind(lane, "session").session;

/** A list of constants as an SQL literal, which the condition of a partial index demands. */
export const literals = (words: readonly string[]): Sql => ({
  text: `(${words.map((word) => `'${word}'`).join(", ")})`,
  values: [],
});
