/** A limit of our own on requests to a database over HTTP: a connection may hang for as long as it likes. */

/** Longer than any statement of ours takes; a lease lasts for two tries of its renewal that hang so long. */
export const SQL_MS = 10_000;
/** A migration may build an index over years of events. */
export const MIGRATION_MS = 600_000;

/**
 * `fetch` with a limit on the whole answer. What was sent may have been carried out all the same: every write of the ledger
 * may be repeated.
 */
export function fetchWithin(limitMs: number): typeof fetch {
  return async (input, init) => {
    const over = new AbortController();
    const late = () => over.abort(new Error(`The database did not answer within ${limitMs / 1_000} s.`));
    const timer = setTimeout(late, limitMs);
    try {
      const answer = await fetch(input, { ...init, signal: over.signal });
      return new Response(await answer.arrayBuffer(), answer);
    } catch (error) {
      over.signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };
}
