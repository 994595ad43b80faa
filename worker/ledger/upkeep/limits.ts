/** Token buckets: how many turns a sender or a room may still ask for. */
import type { TurnLedger } from "#ports/turns.ts";
import { type Database, sql } from "../sql/database.ts";

const MINUTE_MS = 60_000;

export function limits({ all }: Database): Pick<TurnLedger, "takeTokens" | "returnTokens"> {
  return {
    async takeTokens(wanted, nowMs) {
      if (wanted.length === 0) return 0;
      const list = JSON.stringify(wanted.map(({ key, perMinute }) => [key, perMinute]));
      // A missing bucket is full. Tokens that have flowed in since the last look are computed when they are needed.
      const level = sql`min(value ->> 1, coalesce(tokens + (${nowMs} - at_ms) * (value ->> 1) * 1.0 / ${MINUTE_MS}, value ->> 1))`;
      const levels = sql`SELECT value ->> 0 AS key, value ->> 1 AS perMinute, ${level} AS level
        FROM json_each(${list}) LEFT JOIN buckets ON buckets.key = value ->> 0`;
      const taken = await all(sql`
        INSERT INTO buckets (key, tokens, at_ms)
        SELECT key, level - 1, ${nowMs} FROM (${levels}) WHERE NOT EXISTS (SELECT 1 FROM (${levels}) WHERE level < 1)
        ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, at_ms = excluded.at_ms
        RETURNING key`);
      if (taken.length > 0) return 0;
      const rows = await all<{ perMinute: number; level: number }>(levels);
      return Math.max(...rows.map((row) => Math.ceil(((1 - row.level) * MINUTE_MS) / row.perMinute)), 1);
    },

    async returnTokens(taken) {
      if (taken.length === 0) return;
      const keys = JSON.stringify(taken.map(({ key }) => key));
      await all(sql`UPDATE buckets SET tokens = tokens + 1 WHERE key IN (SELECT value FROM json_each(${keys}))`);
    },
  };
}
