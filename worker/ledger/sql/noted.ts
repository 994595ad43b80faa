/**
 * Rows that this version cannot read. Each stands for itself alone: the reader goes on without it, and the row is noted
 * for the log and the operator.
 */
import type { UnreadableRow } from "#ports/operator.ts";
import type { Database } from "./database.ts";

/** The schema of an id, as far as it is needed here. */
interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false };
}

export interface Noted {
  note(row: UnreadableRow): void;
  /** The id; undefined where it is none, and then the row is noted. */
  id<T>(schema: Schema<T>, value: unknown, row: Pick<UnreadableRow, "table" | "key">): T | undefined;
  /** The rows that were met since the last call, each at most once an hour. */
  take(nowMs: number): UnreadableRow[];
  /** True where a row was met lately. */
  any(): boolean;
}

/** A database whose readers note what they cannot read. */
export interface NotingDatabase extends Database {
  noted: Noted;
}

/** More rows than this are a damaged database; `troupe repair` lists them all. */
const NOTED_MAX = 100;
const REPORTED_MS = 60 * 60_000;

export function createNoted(): Noted {
  const met = new Map<string, { row: UnreadableRow; isFresh: boolean; reportedAtMs: number }>();
  const note = (row: UnreadableRow): void => {
    const name = `${row.table} ${row.key}`;
    const before = met.get(name);
    if (before) before.isFresh = true;
    else if (met.size < NOTED_MAX) met.set(name, { row, isFresh: true, reportedAtMs: Number.NEGATIVE_INFINITY });
  };
  return {
    note,
    id(schema, value, row) {
      const read = schema.safeParse(value);
      if (read.success) return read.data;
      note({ ...row, wrong: "an id in it is none" });
      return undefined;
    },
    take(nowMs) {
      const taken: UnreadableRow[] = [];
      for (const [name, one] of met) {
        // Nobody has met it since: it was mended, or it is read seldom and is found by the search.
        if (!one.isFresh) met.delete(name);
        else if (Math.abs(nowMs - one.reportedAtMs) >= REPORTED_MS) {
          taken.push(one.row);
          one.reportedAtMs = nowMs;
        }
        one.isFresh = false;
      }
      return taken;
    },
    any: () => met.size > 0,
  };
}
