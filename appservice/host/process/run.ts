/** Runs a command's long work until a signal stops it. A second signal ends the process at once. */
import { outliveOutput } from "./output.ts";

export interface Stoppable {
  stop(): Promise<void>;
  /** Resolves when the work ends by itself. */
  ended?: Promise<void>;
}

/** Starts it, and resolves when it was stopped by a signal or ended by itself. A signal during the start aborts the start. */
export async function untilStopped(start: (signal: AbortSignal) => Promise<Stoppable>): Promise<void> {
  outliveOutput();
  const asked = new AbortController();
  const onSignal = () => {
    if (asked.signal.aborted) process.exit(130);
    asked.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  const stopping = new Promise<void>((resolve) => asked.signal.addEventListener("abort", () => resolve()));
  const running = await start(asked.signal).catch((error: unknown) => {
    // The abort is the cause, not an error.
    if (asked.signal.aborted && error === asked.signal.reason) return undefined;
    throw error;
  });
  if (!running) return;
  await Promise.race(running.ended ? [stopping, running.ended] : [stopping]);
  await running.stop();
}
