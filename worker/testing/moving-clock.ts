/** The real clock, which a test can move on. */
import type { Clock } from "#ports/host.ts";
import { systemClock } from "../clock.ts";

export interface MovingClock extends Clock {
  move(ms: number): void;
}

export function movingClock(): MovingClock {
  let aheadMs = 0;
  return {
    now: () => systemClock.now() + aheadMs,
    sleep: systemClock.sleep,
    move(ms) {
      aheadMs += ms;
    },
  };
}
