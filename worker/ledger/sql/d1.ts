/** D1 as the ledger's database. */
import type { Namespace } from "#core/protocol/ids.ts";
import type { Database, Sql } from "./database.ts";

export function d1Database(d1: D1Database, namespace: Namespace): Database {
  const prepare = ({ text, values }: Sql) => d1.prepare(text).bind(...values);
  return {
    namespace,
    bulk: "lists",
    all: async <Row>(statement: Sql) => (await prepare(statement).all<Row>()).results,
    async atomic(statements) {
      // One `batch` is one SQL transaction. D1 refuses an empty one.
      if (statements.length === 0) return [];
      return (await d1.batch(statements.map(prepare))).map(({ results }) => results);
    },
  };
}
