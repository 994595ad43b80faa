/** The Node host's ledger: a file of its own, or a libSQL server over HTTP. */
import { join } from "node:path";
import { type Environment, namespaceOf } from "#core/configuration/environment.ts";
import type { Namespace } from "#core/protocol/ids.ts";
import { messageOf } from "#core/result.ts";
import type { Ledger } from "#ports/ledger.ts";
import { createLedger } from "../../worker/ledger/ledger.ts";
import type { Database, Durability } from "../../worker/ledger/sql/database.ts";
import { libsqlDatabase } from "../../worker/ledger/sql/libsql.ts";
import { fetchWithin, MIGRATION_MS, SQL_MS } from "../../worker/ledger/sql/within.ts";
import { migrateFile, openFile, type Place } from "./file-database.ts";
import { whileBusy } from "./locks/busy.ts";
import { makePrivate } from "./private-files.ts";

const MIGRATIONS = join(import.meta.dirname, "../../migrations");

/** In `DATA_DIR`. */
export const DATABASE = "troupe.db";

/** A ledger with the connections it holds. */
export interface OpenLedger {
  ledger: Ledger;
  close(): void;
}

/** Opens the configured database and brings it up to date. */
export async function openLedger(environment: Environment): Promise<OpenLedger> {
  const { LIBSQL_URL: url, LIBSQL_AUTH_TOKEN: authToken, DATA_DIR } = environment;
  if (url === undefined) {
    // Another process may have locked the file, or migrate it.
    return whileBusy(MIGRATION_MS, () => fileLedger(join(DATA_DIR, DATABASE), namespaceOf(environment)));
  }
  // Imported only here: together they cost a second and 130 MB.
  const [{ createClient }, { migrate }, { drizzle }] = await Promise.all([
    import("@libsql/client/web"),
    import("drizzle-orm/libsql/migrator"),
    import("drizzle-orm/libsql/web"),
  ]);
  const connect = (limitMs: number) =>
    createClient({ url, fetch: fetchWithin(limitMs), ...(authToken ? { authToken } : {}) });
  const migrating = connect(MIGRATION_MS);
  await migrate(drizzle({ client: migrating }), { migrationsFolder: MIGRATIONS })
    .catch((error: unknown) => {
      // The migrator's own message is the statement.
      const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
      throw new Error(`The database could not be brought up to date: ${messageOf(reason)}`, { cause: error });
    })
    .finally(() => migrating.close());
  const client = connect(SQL_MS);
  return { ledger: createLedger(libsqlDatabase(client, namespaceOf(environment))), close: () => client.close() };
}

/** A file as the ledger's database, brought up to date. */
export function fileLedger(path: string, namespace: Namespace): OpenLedger {
  const prepare = () => {
    makePrivate(path);
    migrateFile(path, MIGRATIONS);
  };
  prepare();
  const place: Place = { replaced: 0, onReplaced: prepare };
  const [durable, relaxed] = [openFile(path, "FULL", { place }), openFile(path, "NORMAL", { place })];
  return {
    ledger: createLedger({ ...onTwoConnections(durable, relaxed), namespace }),
    close() {
      relaxed.close();
      durable.close();
    },
  };
}

/**
 * Durable writes wait for the disk on a connection of their own. The others do not wait: a power cut takes back at most
 * those since the last durable write, some milliseconds of work that is then repeated under the same keys.
 */
export function onTwoConnections(durable: Connection, relaxed: Connection): Connection {
  const connectionFor = (durability: Durability | undefined) => (durability === "durable" ? durable : relaxed);
  return {
    bulk: relaxed.bulk,
    all: (statement, durability) => connectionFor(durability).all(statement),
    atomic: (statements, durability) => connectionFor(durability).atomic(statements),
  };
}

type Connection = Omit<Database, "namespace">;
