/**
 * The clock of the Node host. It tells the system's time, but goes on by the process's own count of time when the system
 * clock jumps: otherwise a jump forward would make every question too old and every row a thing to delete. A jump is
 * believed after an hour, or when the homeserver's clock agrees with it.
 */
import type { Clock } from "#ports/host.ts";
import { processClock } from "../../worker/clock.ts";

/** Smaller differences are corrections, and are followed. */
const JUMP_MS = 5 * 60_000;
const BELIEVED_MS = 60 * 60_000;

export interface SteadyClock extends Clock {
  jumpMs(): number;
  /** The time an earlier process last knew: a difference to the system's time is a jump, or the time in which none ran. */
  goOnFrom(lastMs: number): void;
  /** What the homeserver's clock says now. */
  hear(theirMs: number): void;
}

export function steadyClock(
  systemMs: () => number = () => Date.now(),
  elapsedMs: () => number = () => performance.now(),
): SteadyClock {
  let known = { ms: systemMs(), at: elapsedMs() };
  let jumpedAt: number | undefined;
  const follow = (ms: number): number => {
    known = { ms, at: elapsedMs() };
    jumpedAt = undefined;
    return ms;
  };
  const countedMs = () => known.ms + elapsedMs() - known.at;
  const now = (): number => {
    const [system, counted] = [systemMs(), countedMs()];
    if (Math.abs(system - counted) < JUMP_MS) return follow(system);
    jumpedAt ??= elapsedMs();
    return elapsedMs() - jumpedAt < BELIEVED_MS ? Math.floor(counted) : follow(system);
  };
  return {
    now,
    sleep: processClock.sleep,
    jumpMs() {
      now();
      return jumpedAt === undefined ? 0 : Math.round(systemMs() - countedMs());
    },
    goOnFrom(lastMs) {
      if (Math.abs(systemMs() - lastMs) >= JUMP_MS) follow(lastMs);
    },
    hear(theirMs) {
      const system = systemMs();
      if (Math.abs(theirMs - system) < JUMP_MS) follow(system);
    },
  };
}
