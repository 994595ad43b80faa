/** The real clock, which a test sets forward and back. Pauses last as long as they should, whatever the clock says. */
import type { Clock } from "#ports/host.ts";
import { systemClock } from "../clock.ts";

export interface MovingClock extends Clock {
  move(ms: number): void;
}

export function movingClock(): MovingClock {
  let offMs = 0;
  return {
    now: () => systemClock.now() + offMs,
    sleep: systemClock.sleep,
    move(ms) {
      offMs += ms;
    },
  };
}
