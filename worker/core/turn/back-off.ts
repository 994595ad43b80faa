/** The pause before something is tried again. */

/** At most this part of the pause is added to it. */
const JITTER = 0.25;

/**
 * Spreads out what failed at the same time, so that it does not come back together: a little more than `ms`, at most
 * `max`. `random` is between 0 and 1.
 */
export const spread = (ms: number, random: number, max = Number.POSITIVE_INFINITY): number =>
  Math.round(Math.min(ms, max / (1 + JITTER)) * (1 + JITTER * random));

/** The pause after this many failures in milliseconds: twice the one before, spread out. */
export const backOffMs = (
  failures: number,
  { firstMs, maxMs }: { firstMs: number; maxMs: number },
  random: number,
): number => spread(firstMs * 2 ** Math.max(failures - 1, 0), random, maxMs);
