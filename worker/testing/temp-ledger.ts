/** A real ledger on a libSQL file that is deleted after the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import { migrate } from "drizzle-orm/libsql/migrator";
import type { Ledger } from "#ports/ledger.ts";
import { createLedger } from "../ledger/ledger.ts";
import { libsqlDatabase } from "../ledger/sql/libsql.ts";
import { type DatabaseCall, namingLedger, recordedDatabase } from "./database-calls.ts";
import { NAMESPACE } from "./ledger-rows.ts";

/** Every call to the database is added to `calls`, where they are given. */
export async function temporaryLedger(calls?: DatabaseCall[]): Promise<{ ledger: Ledger; close(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-ledger-"));
  const client = createClient({ url: `file:${join(folder, "troupe.db")}` });
  await client.execute("PRAGMA journal_mode = WAL");
  await migrate(drizzle(client), { migrationsFolder: "./migrations" });
  const database = libsqlDatabase(client, NAMESPACE);
  return {
    ledger: calls ? namingLedger(createLedger(recordedDatabase(database, calls))) : createLedger(database),
    close() {
      client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
