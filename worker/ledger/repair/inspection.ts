/** One look at the rows of a table: which cannot be read, what becomes of them now, and how they are mended. */
import type { Namespace, RoomId } from "#core/protocol/ids.ts";
import { type Sql, sql } from "../sql/database.ts";

/** A row as it is looked at: the texts of the columns that can be damaged. */
export type Row = Readonly<Record<string, string | null>>;

export interface Mending {
  /** What the row is then: a sentence. */
  after: string;
  statements: Sql[];
  reread?: RoomId;
}

export interface Mender {
  namespace: Namespace;
  nowMs: number;
}

export interface Inspection {
  table: string;
  /** The columns that are looked at, as SQL. The first ones make the key. */
  columns: Readonly<Record<string, Sql>>;
  /** How many of the first columns name the row. */
  keys: 1 | 2 | 3;
  /** Rows that are none of this look's business. */
  where?: Sql;
  /** How many rows are read at a time; fewer where they may be long. */
  page: number;
  /** The table is large, and a damaged row in it harms nobody. */
  isLarge?: true;
  /** What is wrong with a row, without any value of it. */
  wrong(row: Row): string | undefined;
  now(row: Row): string;
  /** `place`: the row's id in the table. */
  mend(row: Row, place: number, by: Mender): Mending;
}

/** The row's key, for people. */
export const keyOf = ({ columns, keys }: Inspection, row: Row): string =>
  Object.keys(columns)
    .slice(0, keys)
    .map((name) => row[name] ?? "")
    .join(" ");

/** A page of rows in the order of their places, which are their row ids. */
export const select = ({ table, columns, where }: Inspection, which: Sql, limit: number): Sql => sql`
  SELECT rowid AS place${Object.entries(columns).reduce(
    (all, [name, column]) => sql`${all}, ${column} AS ${raw(name)}`,
    sql``,
  )}
  FROM ${raw(table)} WHERE ${which} AND ${where ?? sql`true`} ORDER BY rowid LIMIT ${limit}`;

export const at = (place: number): Sql => sql`rowid = ${place}`;

/** Names from this folder's own tables. */
export const raw = (text: string): Sql => ({ text, values: [] });

export const columnsNamed = (...names: readonly string[]): Record<string, Sql> =>
  Object.fromEntries(names.map((name) => [name, raw(name)]));
