/** Chance that can be had again: seeded generators for tests that throw dice. */

/** Tommy Ettinger's mulberry32: small, and good enough for dice. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Small numbers, the same for the same seed; seeds beside each other are spread, so that their numbers are no alike. */
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
