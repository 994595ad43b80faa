/** A clock that stands still while there is work, and then jumps to the next timer. */
import type { Clock } from "#ports/host.ts";

export interface VirtualClock extends Clock {
  /** Lets the time pass until `isOver` says so; throws when nothing is left that could happen. */
  until(isOver: () => boolean): Promise<void>;
  /** Lets this much time pass. */
  pass(ms: number): Promise<void>;
}

interface Timer {
  atMs: number;
  ring: () => void;
}

/** The driver of the database, and promises, need some rounds of the event loop. */
const ROUNDS = 8;

export function virtualClock(startMs = Date.now()): VirtualClock {
  let nowMs = startMs;
  const timers = new Set<Timer>();
  const sleep: Clock["sleep"] = (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer: Timer = {
        atMs: nowMs + Math.max(ms, 0),
        ring() {
          timers.delete(timer);
          signal?.removeEventListener("abort", timer.ring);
          resolve();
        },
      };
      timers.add(timer);
      signal?.addEventListener("abort", timer.ring);
    });
  const settle = async () => {
    for (let round = 0; round < ROUNDS; round++) await new Promise((resolve) => setImmediate(resolve));
  };
  const until = async (isOver: () => boolean) => {
    for (await settle(); !isOver(); await settle()) {
      const [first, ...others] = timers;
      if (!first) throw new Error("nothing is left that could happen");
      const next = others.reduce((one, other) => (other.atMs < one.atMs ? other : one), first);
      nowMs = Math.max(nowMs, next.atMs);
      next.ring();
    }
  };
  return {
    now: () => nowMs,
    sleep,
    until,
    async pass(ms) {
      let isOver = false;
      void sleep(ms).then(() => {
        isOver = true;
      });
      await until(() => isOver);
    },
  };
}
