import { expect, test } from "vitest";
import { processClock } from "./clock.ts";

const oneRound = () => new Promise<void>((resolve) => setImmediate(resolve));

test("of several long works that give way, one goes on in each round of the event loop", async () => {
  const went: string[] = [];
  const work = async (name: string) => {
    for (let piece = 1; piece <= 2; piece++) {
      await processClock.sleep(0);
      went.push(`${name}${piece}`);
    }
  };
  const all = Promise.all([work("a"), work("b"), work("c")]);
  const rounds: number[] = [];
  while (went.length < 6 && rounds.length < 20) {
    const before = went.length;
    await oneRound();
    rounds.push(went.length - before);
  }
  await all;
  expect(went).toEqual(["a1", "b1", "c1", "a2", "b2", "c2"]);
  expect(Math.max(...rounds)).toBe(1);
});
