/** Seeded random numbers, so that a failed run can be repeated. */

/** Tommy Ettinger's mulberry32, a small generator that is random enough for tests. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Small numbers, the same for the same seed. Seeds are spread, so that neighbours give unrelated numbers. */
export class Dice {
  readonly #random: () => number;
  constructor(seed: number) {
    this.#random = mulberry32((seed * 0x9e3779b1) | 0);
  }
  /** From 0 up to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }
  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }
}
