/**
 * The pair guard: two machines that keep each other talking. Whoever is no person may wake one agent in one room
 * twenty times in a minute; then nothing of it is heard for a minute.
 */
const PAIR_EVENTS_MAX = 20;
const PAIR_WINDOW_MS = 60_000;
const PAIR_REST_MS = 60_000;

/** A pair's count; times are our clock's, milliseconds since the epoch. */
export interface PairCount {
  /** Since when is counted. */
  sinceMs: number;
  count: number;
  /** Nothing is heard before. */
  restUntilMs: number;
}

export const isResting = (pair: PairCount | undefined, nowMs: number): boolean =>
  pair !== undefined && nowMs < pair.restUntilMs;

/** The count with one more event in it. */
export function counted(pair: PairCount | undefined, nowMs: number): PairCount {
  const isFresh =
    !pair || nowMs - pair.sinceMs >= PAIR_WINDOW_MS || (pair.restUntilMs > 0 && nowMs >= pair.restUntilMs);
  const { sinceMs, count } = isFresh ? { sinceMs: nowMs, count: 1 } : { ...pair, count: pair.count + 1 };
  return { sinceMs, count, restUntilMs: count >= PAIR_EVENTS_MAX ? nowMs + PAIR_REST_MS : 0 };
}
