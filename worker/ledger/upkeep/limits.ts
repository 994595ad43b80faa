/** Token buckets: how many turns a sender or a room may still ask for. */
import type { Bucket, TurnLedger } from "#ports/turns.ts";
import { countOfLast, type Database, type Sql, sql } from "../sql/database.ts";

export const MINUTE_MS = 60_000;

export function limits({ atomic }: Database): Pick<TurnLedger, "takeTokens"> {
  return {
    async takeTokens(wanted, nowMs) {
      if (wanted.length === 0) return 0;
      const levels = levelsOf(wanted, nowMs);
      const results = await atomic([
        sql`SELECT max(ceil((1 - level) * ${MINUTE_MS} / perMinute)) AS waitMs FROM (${levels}) WHERE level < 1`,
        takeTokensIf(sql`true`, levels, nowMs),
      ]);
      const [row] = (results[0] ?? []) as { waitMs: number | null }[];
      return countOfLast(results) > 0 ? 0 : Math.max(row?.waitMs ?? 0, 1);
    },
  };
}

/** The buckets as rows (key, perMinute, level). A missing bucket is full; tokens that have flowed in are added here. */
export const levelsOf = (buckets: readonly Bucket[], nowMs: number): Sql => sql`
  SELECT value ->> 0 AS key, value ->> 1 AS perMinute,
    min(value ->> 1, coalesce(tokens + (${nowMs} - at_ms) * (value ->> 1) * 1.0 / ${MINUTE_MS}, value ->> 1)) AS level
  FROM json_each(${JSON.stringify(buckets.map(({ key, perMinute }) => [key, perMinute]))})
  LEFT JOIN buckets ON buckets.key = value ->> 0`;

/** Takes a token of each bucket if `guard` holds and none of them is empty. Returns a row for each token. */
export const takeTokensIf = (guard: Sql, levels: Sql, nowMs: number): Sql => sql`
  INSERT INTO buckets (key, tokens, at_ms)
  SELECT key, level - 1, ${nowMs} FROM (${levels})
  WHERE ${guard} AND NOT EXISTS (SELECT 1 FROM (${levels}) WHERE level < 1)
  ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, at_ms = excluded.at_ms
  RETURNING key`;
