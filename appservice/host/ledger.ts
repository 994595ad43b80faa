/** The Node host's ledger: a file of its own, or a libSQL server over HTTP. */
import { join } from "node:path";
import { createClient } from "@libsql/client/web";
import { migrate } from "drizzle-orm/libsql/migrator";
import { drizzle } from "drizzle-orm/libsql/web";
import { type Config, namespaceOf } from "#core/config.ts";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports";
import { createLedger } from "../../worker/ledger/ledger.ts";
import { libsqlLedger } from "../../worker/ledger/libsql.ts";
import { migrateFile, openFile } from "./file-database.ts";

const MIGRATIONS = join(import.meta.dirname, "../../migrations");

export interface OpenLedger {
  ledger: Ledger;
  close(): void;
}

/** Opens the configured database and brings it up to date. */
export async function openLedger(config: Config): Promise<OpenLedger> {
  const { LIBSQL_URL: url, LIBSQL_AUTH_TOKEN: authToken, DATA_DIR } = config;
  if (url === undefined) return fileLedger(join(DATA_DIR, "troupe.db"), namespaceOf(config));
  const client = createClient({ url, ...(authToken ? { authToken } : {}) });
  await migrate(drizzle({ client }), { migrationsFolder: MIGRATIONS });
  return { ledger: libsqlLedger(client, namespaceOf(config)), close: () => client.close() };
}

/**
 * Two connections. What was promised to somebody waits for the disk: what was pushed, what a backend answered, what is to
 * be sent. Leases and what can be done again under the same keys do not: a power cut leaves work to be repeated and
 * nothing lost. `ignore` waits too, or its many rows would be written to disk by the next push, whose sender waits.
 */
export function fileLedger(path: string, namespace: Namespace): OpenLedger {
  migrateFile(path, MIGRATIONS);
  const [durable, relaxed] = [openFile(path, "FULL"), openFile(path, "NORMAL")];
  const { claim, renew, release, decide, startAttempt, postpone, takeStop, delivered, ended, retryOut } = createLedger({
    ...relaxed,
    namespace,
  });
  const repeatable = { claim, renew, release, decide, startAttempt, postpone, takeStop, delivered, ended, retryOut };
  return {
    ledger: { ...createLedger({ ...durable, namespace }), ...repeatable },
    close() {
      relaxed.close();
      durable.close();
    },
  };
}
