/** A libSQL server as the ledger's database. */
import type { Client, Row as ClientRow } from "@libsql/client";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Database, Sql } from "./database.ts";

export function libsqlDatabase(client: Client, namespace: Namespace): Database {
  const statementOf = ({ text, values }: Sql) => ({ sql: text, args: [...values] });
  return {
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
  };
}
