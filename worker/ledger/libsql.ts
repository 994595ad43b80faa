/** The ledger on a libSQL server. */
import type { Client } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql/web";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports";
import { isNonEmpty } from "./database.ts";
import { createLedger } from "./ledger.ts";

export function libsqlLedger(client: Client, namespace: Namespace): Ledger {
  const db = drizzle({ client });
  return createLedger({
    db,
    namespace,
    atomic: async (statements) => (isNonEmpty(statements) ? db.batch(statements) : []),
  });
}
