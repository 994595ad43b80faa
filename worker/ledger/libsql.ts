/** The ledger on libSQL: a file on the Node host, a server over HTTP on either. */
import type { Client } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql/web";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports";
import { isNonEmpty } from "./database.ts";
import { createLedger } from "./ledger.ts";

/**
 * `relaxed` is a second connection to the same file that does not wait for the disk. What goes over it survives any crash
 * of ours; a power cut may take the last of it back, which leaves work to be done again under the same keys and nothing
 * lost. `ignore` is not among it: its many rows would be written to disk by the next push, whose sender waits for that.
 * What was promised to somebody goes over `client`: what was pushed, what a backend answered, what is to be sent.
 */
export function libsqlLedger(client: Client, namespace: Namespace, relaxed: Client = client): Ledger {
  const { claim, renew, release, decide, startAttempt, postpone, takeStop, delivered, ended, retryOut } = over(
    relaxed,
    namespace,
  );
  return {
    ...over(client, namespace),
    ...{ claim, renew, release, decide, startAttempt, postpone, takeStop, delivered, ended, retryOut },
  };
}

function over(client: Client, namespace: Namespace): Ledger {
  const db = drizzle({ client });
  return createLedger({
    db,
    namespace,
    atomic: async (statements) => (isNonEmpty(statements) ? db.batch(statements) : []),
  });
}
