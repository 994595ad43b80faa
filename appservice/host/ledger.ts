/** The Node host's ledger: a file of its own, or a libSQL server over HTTP. */
import { join } from "node:path";
import { type Environment, namespaceOf } from "#core/configuration/environment.ts";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { createLedger } from "../../worker/ledger/ledger.ts";
import { libsqlDatabase } from "../../worker/ledger/sql/libsql.ts";
import { migrateFile, openFile } from "./file-database.ts";

const MIGRATIONS = join(import.meta.dirname, "../../migrations");

export interface OpenLedger {
  ledger: Ledger;
  close(): void;
}

/** Opens the configured database and brings it up to date. */
export async function openLedger(environment: Environment): Promise<OpenLedger> {
  const { LIBSQL_URL: url, LIBSQL_AUTH_TOKEN: authToken, DATA_DIR } = environment;
  if (url === undefined) return fileLedger(join(DATA_DIR, "troupe.db"), namespaceOf(environment));
  // Only now: together they take a second and 130 MB, which a file needs nothing of.
  const [{ createClient }, { migrate }, { drizzle }] = await Promise.all([
    import("@libsql/client/web"),
    import("drizzle-orm/libsql/migrator"),
    import("drizzle-orm/libsql/web"),
  ]);
  const client = createClient({ url, ...(authToken ? { authToken } : {}) });
  await migrate(drizzle({ client }), { migrationsFolder: MIGRATIONS });
  return { ledger: createLedger(libsqlDatabase(client, namespaceOf(environment))), close: () => client.close() };
}

/**
 * Two connections. What was promised to the homeserver or heard from it waits for the disk. What comes between does not:
 * it survives any crash of ours, and a power cut takes back at most what the next of those waits would have kept, some
 * milliseconds of work that is then done again under the same keys. `ignore` waits too, or its many rows would be
 * written to disk by the next push, whose sender waits.
 */
export function fileLedger(path: string, namespace: Namespace): OpenLedger {
  migrateFile(path, MIGRATIONS);
  const [durable, relaxed] = [openFile(path, "FULL"), openFile(path, "NORMAL")];
  const { accept, ignore, ended, setGhost, addDeadLetter, ...kept } = createLedger({ ...durable, namespace });
  // What an operator or an admin was told is done.
  const { setConfiguration, setAgents, putAgent, removeAgent, setRoomLayer } = kept;
  const { approve, allow, deny, addInviteCode, useInviteCode } = kept;
  return {
    ledger: {
      ...createLedger({ ...relaxed, namespace }),
      ...{ accept, ignore, ended, setGhost, addDeadLetter },
      ...{ setConfiguration, setAgents, putAgent, removeAgent, setRoomLayer },
      ...{ approve, allow, deny, addInviteCode, useInviteCode },
    },
    close() {
      relaxed.close();
      durable.close();
    },
  };
}
