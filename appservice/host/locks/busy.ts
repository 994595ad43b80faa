/** Waiting for a file that another process has locked, without blocking this process meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 200;

/** True for SQLite's "database is locked", and for the extended codes of the same error. */
export const isBusy = (error: unknown): boolean =>
  error instanceof Error && "code" in error && /^SQLITE_BUSY(_|$)/.test(String(error.code));

/**
 * Tries at once, then with growing pauses for `waitMs`, as long as it fails because of another process. Rejects with the
 * last error.
 */
export async function whileBusy<T>(waitMs: number, attempt: () => T, isPassing = isBusy): Promise<T> {
  const startedAt = performance.now();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return attempt();
    } catch (error) {
      if (!isPassing(error) || performance.now() - startedAt >= waitMs) throw error;
    }
    await sleep(pauseMs);
  }
}
