import { expect, test } from "vitest";
import { backOffMs, spread } from "./back-off.ts";

test("what failed at the same time comes back spread out, never early and never later than the most", () => {
  expect([spread(1_000, 0), spread(1_000, 0.5), spread(1_000, 1)]).toEqual([1_000, 1_125, 1_250]);
  expect([spread(90_000, 0, 60_000), spread(90_000, 1, 60_000)]).toEqual([48_000, 60_000]);
});

test("pauses grow with the failures up to a limit", () => {
  const pauses = { firstMs: 5_000, maxMs: 80_000 };
  const growing = [0, 1, 2, 3, 4, 5, 6, 5_000].map((failures) => backOffMs(failures, pauses, 0));
  expect(growing).toEqual([5_000, 5_000, 10_000, 20_000, 40_000, 64_000, 64_000, 64_000]);
});
