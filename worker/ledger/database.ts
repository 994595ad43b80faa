/** What the ledger's SQL runs on. D1 and libSQL differ only in how this is made. */
import { and, eq, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { BaseSQLiteDatabase } from "drizzle-orm/sqlite-core";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Lease } from "#ports";
import { lanes } from "./schema.ts";

export type Statement = BatchItem<"sqlite">;

export interface Database {
  db: BaseSQLiteDatabase<"async", unknown>;
  /**
   * Runs the statements as one atomic unit, all or none; the rows of each. There are no interactive transactions on
   * D1, so every guard is in the SQL.
   */
  atomic(statements: readonly Statement[]): Promise<readonly unknown[]>;
  namespace: Namespace;
}

/** True in SQL while the lease is held: every write of a runner carries it. */
export const held = ({ lane, fence }: Lease): SQL =>
  sql`EXISTS (SELECT 1 FROM ${lanes} WHERE ${and(eq(lanes.id, lane), eq(lanes.fence, fence))})`;

/** How many rows a statement of an atomic batch returned. */
export const count = (rows: unknown): number => (Array.isArray(rows) ? rows.length : 0);

/** `room:!abc` → `!abc`. */
export const nameOf = ({ lane }: Lease): string => lane.slice(lane.indexOf(":") + 1);

/** `batch` wants at least one statement, in its type and in truth. */
export const isNonEmpty = (statements: readonly Statement[]): statements is readonly [Statement, ...Statement[]] =>
  statements.length > 0;
