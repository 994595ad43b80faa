/** Figures for `/health` and `/metrics`. */
import { BOUNDS } from "#core/bounds.ts";
import type { Figures, OperatorLedger } from "#ports/operator.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import type { NotingDatabase } from "../sql/noted.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import { UNREADABLE_MARK } from "./marks.ts";

export function figures({ all, noted }: NotingDatabase): Pick<OperatorLedger, "figures"> {
  return {
    async figures(nowMs, countMax = BOUNDS.healthRows.max) {
      const found = await readFigures(all, nowMs, countMax);
      return { ...found, unreadableRows: Math.max(found.unreadableRows, noted.any() ? 1 : 0) };
    },
  };
}

/** How many of these rows there are, counted up to a number. */
const countOf = (rows: Sql, max: number): Sql => sql`(SELECT count(*) FROM (SELECT 1 FROM ${rows} LIMIT ${max}))`;

async function readFigures(all: Database["all"], nowMs: number, max: number): Promise<Figures> {
  const unsent = sql`(SELECT lane, turn_id FROM outbox WHERE ${IS_UNSENT} LIMIT ${max})`;
  const [row] = await all<
    Omit<Figures, "outboxAgeMs" | "unreadableRows"> & {
      unreadable: string | null;
      oldestAtMs: number | null;
      lastAtMs: number | null;
    }
  >(sql`
    SELECT
      (SELECT received_at_ms FROM events WHERE seq = (SELECT max(seq) FROM events)) AS lastAtMs,
      ${countOf(sql`events WHERE verdict IS NULL`, max)} AS undecidedEvents,
      ${countOf(sql`turns WHERE state <> 'delivered'`, max)} AS openTurns,
      ${countOf(sql`turns WHERE state = 'running'`, max)} AS runningTurns,
      (SELECT count(*) FROM ${unsent}) AS outboxRows,
      (SELECT coalesce(max(depth), 0) FROM (
        SELECT count(*) AS depth FROM ${unsent} GROUP BY lane)) AS outboxDepth,
      (SELECT min(turns.asked_at_ms) FROM ${unsent} AS unsent
        JOIN turns ON turns.id = unsent.turn_id) AS oldestAtMs,
      ${countOf(sql`dead_letters`, max)} AS deadLetters,
      (SELECT value FROM marks WHERE name = ${UNREADABLE_MARK}) AS unreadable`);
  if (!row) throw new Error("the query for the figures returned no row");
  const { oldestAtMs, lastAtMs, unreadable, ...counts } = row;
  const unreadableRows = Number(unreadable) || 0;
  const found: Figures = {
    ...counts,
    unreadableRows,
    outboxAgeMs: oldestAtMs === null ? 0 : Math.max(nowMs - oldestAtMs, 0),
  };
  if (lastAtMs !== null) found.lastTransactionAtMs = lastAtMs;
  return found;
}
