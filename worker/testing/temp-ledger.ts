/** A real ledger on a libSQL file that goes away with the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import { migrate } from "drizzle-orm/libsql/migrator";
import type { Namespace } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { createLedger } from "../ledger/ledger.ts";
import { libsqlDatabase } from "../ledger/sql/libsql.ts";
import { NAMESPACE } from "./ledger-rows.ts";

export async function temporaryLedger(namespace: Namespace = NAMESPACE): Promise<{ ledger: Ledger; close(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-ledger-"));
  const client = createClient({ url: `file:${join(folder, "troupe.db")}` });
  await client.execute("PRAGMA journal_mode = WAL");
  await migrate(drizzle(client), { migrationsFolder: "./migrations" });
  return {
    ledger: createLedger(libsqlDatabase(client, namespace)),
    close() {
      client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
