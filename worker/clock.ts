/** The real clock, on both hosts. */
import type { Clock } from "#ports/host.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(ms, 0));
      signal?.addEventListener("abort", done);
    }),
};

/** Long work that gave way, oldest first. All of it at once would keep the homeserver's door waiting for the sum of it. */
const waiting: Array<() => void> = [];

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(next);
}

/**
 * The clock of one process: of all that waits for `sleep(0)`, one goes on in each round of the event loop. On a Worker no
 * request may wait for another one's promise.
 */
export const processClock: Clock = {
  now: systemClock.now,
  sleep(ms, signal) {
    if (ms > 0) return systemClock.sleep(ms, signal);
    return new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(next);
    });
  },
};
