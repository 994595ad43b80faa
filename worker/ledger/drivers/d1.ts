/** The ledger on D1. */
import type { Namespace } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports";
import type { Sql } from "../database.ts";
import { createLedger } from "../ledger.ts";

export function d1Ledger(d1: D1Database, namespace: Namespace): Ledger {
  const prepared = ({ text, values }: Sql) => d1.prepare(text).bind(...values);
  return createLedger({
    namespace,
    bulk: "lists",
    all: async <Row>(statement: Sql) => (await prepared(statement).all<Row>()).results,
    async atomic(statements) {
      // One `batch` is one SQL transaction; an empty one is refused.
      if (statements.length === 0) return [];
      return (await d1.batch(statements.map(prepared))).map(({ results }) => results);
    },
  });
}
