import { expect, test } from "vitest";
import { spread } from "./back-off.ts";

test("what failed at the same time comes back spread out, never early and never later than the most", () => {
  expect([spread(1_000, 0), spread(1_000, 0.5), spread(1_000, 1)]).toEqual([1_000, 1_125, 1_250]);
  expect([spread(90_000, 0, 60_000), spread(90_000, 1, 60_000)]).toEqual([48_000, 60_000]);
});
