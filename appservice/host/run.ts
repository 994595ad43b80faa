/** Runs something until a signal asks it to stop; a second signal does not wait for it. */

export interface Stoppable {
  stop(): Promise<void>;
  /** Resolves when it ended by itself. */
  ended?: Promise<void>;
}

/** Starts it and stays until it is asked to stop or ends by itself; signals that come while it starts are heeded too. */
export async function untilStopped(start: (signal: AbortSignal) => Promise<Stoppable>): Promise<void> {
  const asked = new AbortController();
  const onSignal = () => {
    if (asked.signal.aborted) process.exit(130);
    asked.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  const stopping = new Promise<void>((resolve) => asked.signal.addEventListener("abort", () => resolve()));
  const running = await start(asked.signal).catch((error: unknown) => {
    // It gave up because it was asked to: no news.
    if (asked.signal.aborted && error === asked.signal.reason) return undefined;
    throw error;
  });
  if (!running) return;
  await Promise.race(running.ended ? [stopping, running.ended] : [stopping]);
  await running.stop();
}
