/** Token buckets, which limit what a sender or a room may ask for in a minute: turns, commands. */
import { BOUNDS } from "#core/bounds.ts";
import type { Bucket, TurnLedger } from "#ports/turns.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";

const MINUTE_MS = 60_000;

export function limits({ atomic }: Database): Pick<TurnLedger, "takeTokens"> {
  return {
    async takeTokens(wanted, nowMs) {
      const results = await atomic([
        sql`SELECT ${waitOf(wanted, nowMs)} AS waitMs`,
        ...takeTokensIf(areFull(wanted, nowMs), wanted, nowMs),
      ]);
      const [row] = (results[0] ?? []) as { waitMs: number }[];
      return row?.waitMs ?? 0;
    },
  };
}

/**
 * The tokens in a bucket. A missing bucket is full, and so is one that was written while the clock was ahead; tokens that
 * have flowed in since the last write are added here.
 */
const levelOf = ({ key, perMinute }: Bucket, nowMs: number): Sql => sql`
  min(${perMinute}, coalesce(
    (SELECT tokens + max(${nowMs} - at_ms, 0) * ${perMinute} * 1.0 / ${MINUTE_MS} FROM buckets
      WHERE key = ${key} AND at_ms <= ${nowMs + BOUNDS.clocksApart.max}),
    ${perMinute}))`;

/** True when each of the buckets has a token. */
const areFull = (buckets: readonly Bucket[], nowMs: number): Sql =>
  buckets.reduce((all, bucket) => sql`${all} AND ${levelOf(bucket, nowMs)} >= 1`, sql`true`);

/** Milliseconds until the bucket has so many tokens; 0 when it has. */
export const msUntil = (bucket: Bucket, tokens: Sql, nowMs: number): Sql =>
  sql`max(0, CAST(ceil((${tokens} - ${levelOf(bucket, nowMs)}) * ${MINUTE_MS} / ${bucket.perMinute}) AS INTEGER))`;

/** Milliseconds until each of the buckets has a token; 0 when they have. */
const waitOf = (buckets: readonly Bucket[], nowMs: number): Sql =>
  sql`max(0, 0${buckets.reduce((all, bucket) => sql`${all}, ${msUntil(bucket, sql`1`, nowMs)}`, sql``)})`;

/** Takes a token of each bucket if `guard` holds. */
export const takeTokensIf = (guard: Sql, buckets: readonly Bucket[], nowMs: number): Sql[] =>
  buckets.length === 0
    ? []
    : [
        sql`
          INSERT INTO buckets (key, tokens, at_ms)
          SELECT key, level - 1, ${nowMs} FROM (${buckets
            .map((bucket) => sql`SELECT ${bucket.key} AS key, ${levelOf(bucket, nowMs)} AS level`)
            .reduce((all, one) => sql`${all} UNION ALL ${one}`)})
          WHERE ${guard}
          ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, at_ms = excluded.at_ms`,
      ];
