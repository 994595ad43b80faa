/**
 * The pair guard stops two machines that keep each other talking: a machine may wake one agent in one room twenty times
 * in a minute, and is then ignored for a minute.
 */
import { BOUNDS } from "../bounds.ts";

const PAIR_WINDOW_MS = 60_000;
const PAIR_REST_MS = 60_000;

/** How often one sender woke one agent. Times are our clock's, milliseconds since the epoch. */
export interface PairCount {
  /** Start of the counted minute. */
  sinceMs: number;
  count: number;
  /** The sender is ignored until then. */
  restUntilMs: number;
}

export const isResting = (pair: PairCount | undefined, nowMs: number): boolean =>
  pair !== undefined && nowMs < pair.restUntilMs && pair.restUntilMs <= nowMs + 2 * PAIR_REST_MS;

/** The count after one more event. */
export function countOneMore(pair: PairCount | undefined, nowMs: number): PairCount {
  const isFresh =
    !pair || Math.abs(nowMs - pair.sinceMs) >= PAIR_WINDOW_MS || (pair.restUntilMs > 0 && nowMs >= pair.restUntilMs);
  const { sinceMs, count } = isFresh ? { sinceMs: nowMs, count: 1 } : { ...pair, count: pair.count + 1 };
  return { sinceMs, count, restUntilMs: count >= BOUNDS.pairEvents.max ? nowMs + PAIR_REST_MS : 0 };
}
