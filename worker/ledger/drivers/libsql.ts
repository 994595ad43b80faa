/** The ledger on a libSQL server. */
import type { Client, Row as ClientRow } from "@libsql/client";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports";
import type { Sql } from "../database.ts";
import { createLedger } from "../ledger.ts";

export function libsqlLedger(client: Client, namespace: Namespace): Ledger {
  const statementOf = ({ text, values }: Sql) => ({ sql: text, args: [...values] });
  return createLedger({
    namespace,
    bulk: "lists",
    async all<Row>(statement: Sql) {
      const { rows } = await client.execute(statementOf(statement));
      return rows as (ClientRow & Row)[];
    },
    async atomic(statements) {
      if (statements.length === 0) return [];
      return (await client.batch(statements.map(statementOf), "write")).map(({ rows }) => rows);
    },
  });
}
