/** A real ledger on a libSQL file that is deleted after the test. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import { migrate } from "drizzle-orm/libsql/migrator";
import type { Ledger } from "#ports/ledger.ts";
import { createLedger } from "../ledger/ledger.ts";
import { libsqlDatabase } from "../ledger/sql/libsql.ts";
import { type DatabaseCall, namingLedger, recordedDatabase } from "./database-calls.ts";
import { NAMESPACE } from "./ledger-rows.ts";
import { type OldVersion, oldStatements } from "./old-database.ts";

export interface TemporaryLedger {
  ledger: Ledger;
  client: Client;
  close(): void;
}

/** An empty ledger. Every call to the database is added to `calls`, where they are given. */
export const temporaryLedger = (calls?: DatabaseCall[]): Promise<TemporaryLedger> =>
  migrated(async () => undefined, calls);

/** The ledger of an old version (`old-database.ts`), as if it had been written at `atMs`, brought up to date. */
export const oldLedger = (version: OldVersion, atMs: number): Promise<TemporaryLedger> =>
  migrated(async (client) => {
    const dump = readFileSync(`./worker/testing/fixtures/${version}.sql`, "utf8");
    for (const statement of oldStatements(dump, atMs)) await client.execute(statement);
  });

async function migrated(fill: (client: Client) => Promise<void>, calls?: DatabaseCall[]): Promise<TemporaryLedger> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-ledger-"));
  const client = createClient({ url: `file:${join(folder, "troupe.db")}` });
  await client.execute("PRAGMA journal_mode = WAL");
  await fill(client);
  await migrate(drizzle(client), { migrationsFolder: "./migrations" });
  const database = libsqlDatabase(client, NAMESPACE);
  return {
    client,
    ledger: calls ? namingLedger(createLedger(recordedDatabase(database, calls))) : createLedger(database),
    close() {
      client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
