/** What the ledger's SQL runs on. D1, a libSQL server and a libSQL file differ only in how this is made. */
import type { Namespace } from "#core/protocol/ids.ts";
import type { Lease } from "#ports/lanes.ts";

export type Value = string | number | null;

/** A statement, or a piece of one: its text with a `?` for each value, in their order. */
export interface Sql {
  text: string;
  values: readonly Value[];
}

/** SQL with values in it as values, never as text; a piece of SQL in it as a piece. */
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
  /** Runs one statement; its rows, which the caller's SQL gives their names. */
  all<Row>(statement: Sql, durability?: Durability): Promise<Row[]>;
  /**
   * Runs the statements as one atomic unit, all or none; the rows of each. There are no interactive transactions on
   * D1, so every guard is in the SQL.
   */
  atomic(statements: readonly Sql[], durability?: Durability): Promise<readonly unknown[][]>;
  /** How many rows are written best: a statement each, or few statements with lists of them (`bulk.ts`). */
  bulk: "rows" | "lists";
  namespace: Namespace;
}

/** True in SQL while the lease is held: every write of a runner carries it. */
export const held = ({ lane, fence }: Lease): Sql =>
  sql`EXISTS (SELECT 1 FROM lanes WHERE id = ${lane} AND fence = ${fence})`;

/** How many rows the last statement of an atomic batch returned. */
export const countOfLast = (results: readonly unknown[][]): number => results.at(-1)?.length ?? 0;

/** `room:!abc` → `!abc`. */
export const nameOf = ({ lane }: Pick<Lease, "lane">): string => lane.slice(lane.indexOf(":") + 1);
