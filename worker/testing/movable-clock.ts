/** A clock that a test sets forward and back. Pauses last as long as they should, whatever the clock says. */
import type { Clock } from "#ports/host.ts";
import { systemClock } from "../clock.ts";

export interface MovableClock extends Clock {
  move(ms: number): void;
}

export function movableClock(): MovableClock {
  let offMs = 0;
  return {
    now: () => Date.now() + offMs,
    sleep: systemClock.sleep,
    move(ms) {
      offMs += ms;
    },
  };
}
