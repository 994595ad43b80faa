/** Figures for `/health` and `/metrics`. */
import type { Figures, OperatorLedger } from "#ports/operator.ts";
import { type Database, sql } from "../sql/database.ts";
import type { NotingDatabase } from "../sql/noted.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import { UNREADABLE_MARK } from "./marks.ts";

export function figures({ all, noted }: NotingDatabase): Pick<OperatorLedger, "figures"> {
  return {
    async figures(nowMs) {
      const found = await readFigures(all, nowMs);
      return { ...found, unreadableRows: Math.max(found.unreadableRows, noted.any() ? 1 : 0) };
    },
  };
}

async function readFigures(all: Database["all"], nowMs: number): Promise<Figures> {
  const [row] = await all<
    Omit<Figures, "outboxAgeMs" | "unreadableRows"> & {
      unreadable: string | null;
      oldestAtMs: number | null;
      lastAtMs: number | null;
    }
  >(sql`
    SELECT
      (SELECT received_at_ms FROM events WHERE seq = (SELECT max(seq) FROM events)) AS lastAtMs,
      (SELECT count(*) FROM events WHERE verdict IS NULL) AS undecidedEvents,
      (SELECT count(*) FROM turns WHERE state <> 'delivered') AS openTurns,
      (SELECT count(*) FROM turns WHERE state = 'running') AS runningTurns,
      (SELECT count(*) FROM outbox WHERE ${IS_UNSENT}) AS outboxRows,
      (SELECT coalesce(max(depth), 0) FROM (
        SELECT count(*) AS depth FROM outbox WHERE ${IS_UNSENT} GROUP BY lane)) AS outboxDepth,
      (SELECT min(turns.asked_at_ms) FROM (SELECT turn_id FROM outbox WHERE ${IS_UNSENT}) AS unsent
        JOIN turns ON turns.id = unsent.turn_id) AS oldestAtMs,
      (SELECT count(*) FROM dead_letters) AS deadLetters,
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
