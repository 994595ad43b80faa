/**
 * Takes what arrives from several promises, in that order. `Promise.race` in a loop would leave a callback at the slow promises
 * each time, and all of them would run at once in the end.
 */
export class Arrivals<Item> {
  readonly #items: Item[] = [];
  #wake: (() => void) | undefined;

  /** The item is taken when the promise resolves. Gives the promise. */
  add(promise: Promise<Item>): Promise<Item> {
    void promise.then((item) => {
      this.#items.push(item);
      this.#wake?.();
    });
    return promise;
  }

  async take(): Promise<Item> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) return item;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
