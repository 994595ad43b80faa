/** What the ledger's SQL runs on. D1, a libSQL server and a libSQL file differ only in how this is made. */
import type { Namespace, RoomId } from "#core/protocol/ids.ts";
import { laneOf } from "#core/turn/lane.ts";
import type { SessionKey } from "#core/turn/turn.ts";
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

export interface Database {
  /** Runs one statement; its rows, which the caller's SQL gives their names. */
  all<Row>(statement: Sql): Promise<Row[]>;
  /**
   * Runs the statements as one atomic unit, all or none; the rows of each. There are no interactive transactions on
   * D1, so every guard is in the SQL.
   */
  atomic(statements: readonly Sql[]): Promise<readonly unknown[][]>;
  /** How many rows are written best: a statement each, or few statements with lists of them (`bulk.ts`). */
  bulk: "rows" | "lists";
  namespace: Namespace;
}

/** True in SQL while the lease is held: every write of a runner carries it. */
export const held = ({ lane, fence }: Lease): Sql =>
  sql`EXISTS (SELECT 1 FROM lanes WHERE id = ${lane} AND fence = ${fence})`;

/** How many rows the last statement of an atomic batch returned. */
export const countOfLast = (results: readonly unknown[][]): number => results.at(-1)?.length ?? 0;

/** The room of a room lane. */
export function roomOf({ lane: id }: Pick<Lease, "lane">): RoomId {
  const lane = laneOf(id);
  if (lane.kind !== "room") throw new Error(`${id} is no room's lane`);
  return lane.roomId;
}

/** The session of a session lane. */
export function sessionOf({ lane: id }: Pick<Lease, "lane">): SessionKey {
  const lane = laneOf(id);
  if (lane.kind !== "session") throw new Error(`${id} is no session's lane`);
  return lane.session;
}

/** A list of constants as an SQL literal, which the condition of a partial index demands. */
export const literals = (words: readonly string[]): Sql => ({
  text: `(${words.map((word) => `'${word}'`).join(", ")})`,
  values: [],
});
