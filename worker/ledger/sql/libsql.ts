/**
 * A libSQL server as the ledger's database. Over HTTP each call is a request of its own, with nothing kept between two of
 * them: the time limit is that of the client's `fetch`. A WebSocket is kept, and `fetch` is not asked.
 */
import type { Client, Row as ClientRow } from "@libsql/client";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Database, Sql } from "./database.ts";
import { callWithin, SQL_MS } from "./within.ts";

/** `limitMs`: for one call over a WebSocket. */
export function libsqlDatabase(client: Client, namespace: Namespace, limitMs = SQL_MS): Database {
  const statementOf = ({ text, values }: Sql) => ({ sql: text, args: [...values] });
  // Ends the connection at once. Whether there is another one is found out by the next call.
  const reconnect = () => void Promise.resolve(client.reconnect()).catch(() => undefined);
  const limited = <T>(call: Promise<T>): Promise<T> =>
    client.protocol === "ws" ? callWithin(limitMs, call, reconnect) : call;
  return {
    namespace,
    bulk: "lists",
    async all<Row>(statement: Sql) {
      const { rows } = await limited(client.execute(statementOf(statement)));
      return rows as (ClientRow & Row)[];
    },
    async atomic(statements) {
      if (statements.length === 0) return [];
      return (await limited(client.batch(statements.map(statementOf), "write"))).map(({ rows }) => rows);
    },
  };
}
