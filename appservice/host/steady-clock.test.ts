import { expect, test } from "vitest";
import { steadyClock } from "./steady-clock.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const JUMPS = [-DAY_MS, -365 * DAY_MS, DAY_MS, 365 * DAY_MS].map((ms) => [ms / DAY_MS, ms] as const);

/** A system's clock that is moved, and time that passes. */
function times(startMs = 1_000 * DAY_MS) {
  let [elapsed, offMs] = [0, 0];
  return {
    clock: steadyClock(
      () => startMs + elapsed + offMs,
      () => elapsed,
    ),
    pass(ms: number) {
      elapsed += ms;
    },
    move(ms: number) {
      offMs += ms;
    },
    /** The right time. */
    right: () => startMs + elapsed,
  };
}

test.for(JUMPS)("a jump of the system's clock by %i days moves nothing for an hour, and is then believed", ([, ms]) => {
  const { clock, pass, move, right } = times();
  pass(MINUTE_MS);
  expect([clock.now(), clock.jumpMs()]).toEqual([right(), 0]);
  move(ms);
  pass(MINUTE_MS);
  expect([clock.now(), clock.jumpMs()]).toEqual([right(), ms]);
  pass(HOUR_MS - 1);
  expect(clock.now()).toBe(right());
  pass(1);
  expect([clock.now(), clock.jumpMs()]).toEqual([right() + ms, 0]);
});

test.for(JUMPS)("a jump by %i days is believed when the homeserver's clock agrees, and not before", ([, ms]) => {
  const { clock, move, right } = times();
  move(ms);
  clock.hear(right());
  expect(clock.now()).toBe(right());
  clock.hear(right() + ms + MINUTE_MS);
  expect([clock.now(), clock.jumpMs()]).toEqual([right() + ms, 0]);
});

test.for(JUMPS)("a start whose clock is %i days off goes on from the last known time", ([, ms]) => {
  const { clock, pass, right } = times(1_000 * DAY_MS + ms);
  clock.goOnFrom(right() - ms);
  pass(MINUTE_MS);
  expect([clock.now(), clock.jumpMs()]).toEqual([right() - ms, ms]);
  clock.hear(right() - 1_000);
  expect(clock.now()).toBe(right());
});

test("small corrections are followed, and a jump that is taken back is none", () => {
  const { clock, pass, move, right } = times();
  move(MINUTE_MS);
  expect(clock.now()).toBe(right() + MINUTE_MS);
  move(DAY_MS);
  pass(HOUR_MS / 2);
  expect(clock.now()).toBe(right() + MINUTE_MS);
  move(-DAY_MS);
  pass(HOUR_MS);
  expect(clock.now()).toBe(right() + MINUTE_MS);
});
