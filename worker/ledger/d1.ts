/** The ledger on D1. */
import { drizzle } from "drizzle-orm/d1";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports";
import { isNonEmpty } from "./database.ts";
import { createLedger } from "./ledger.ts";

export function d1Ledger(d1: D1Database, namespace: Namespace): Ledger {
  const db = drizzle(d1);
  // One `batch` is one SQL transaction.
  return createLedger({
    db,
    namespace,
    atomic: async (statements) => (isNonEmpty(statements) ? db.batch(statements) : []),
  });
}
