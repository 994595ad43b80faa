/** A limit of our own on requests to a database over HTTP: a connection may hang for as long as it likes. */

/**
 * Longer than any statement of ours takes. What hung is tried again at the latest after this and the pause of its lane
 * (`lanes/pump.ts`), in all within ten seconds after the database is well again.
 */
export const SQL_MS = 4_000;
/** A migration may build an index over years of events. */
export const MIGRATION_MS = 600_000;

const noAnswer = (limitMs: number) => new Error(`The database did not answer within ${limitMs / 1_000} s.`);

/**
 * `fetch` with a limit on the whole answer. What was sent may have been carried out all the same: every write of the ledger
 * may be repeated.
 */
export function fetchWithin(limitMs: number): typeof fetch {
  return async (input, init) => {
    const over = new AbortController();
    const late = () => over.abort(noAnswer(limitMs));
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

/**
 * The same limit for a connection that is kept, as a WebSocket is. A call that is late ends the connection, and with it
 * the other calls on it; the next call opens another one.
 */
export async function callWithin<T>(limitMs: number, call: Promise<T>, reconnect: () => void): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(noAnswer(limitMs));
    reconnect();
  }, limitMs);
  try {
    return await Promise.race([call, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
