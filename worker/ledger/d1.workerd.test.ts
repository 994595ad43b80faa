/** The ledger on D1, inside workerd: the same contract. */
import { applyD1Migrations, type D1Migration, env, reset } from "cloudflare:test";
import { NAMESPACE, NOW } from "#testing/ledger-rows.ts";
import { oldRows } from "#testing/old-database.ts";
import { ledgerContract } from "./ledger.contract.ts";
import { createLedger } from "./ledger.ts";
import { oldVersionContract } from "./old-version.contract.ts";
import { d1Database } from "./sql/d1.ts";

const { DB, TEST_MIGRATIONS, TEST_OLD_DATABASE } = env as typeof env & {
  TEST_MIGRATIONS: D1Migration[];
  TEST_OLD_DATABASE: string;
};
/** How many migrations the old version has. */
const OLD_MIGRATIONS = 4;

ledgerContract("D1", async () => {
  await reset();
  await applyD1Migrations(DB, TEST_MIGRATIONS);
  return createLedger(d1Database(DB, NAMESPACE));
});

oldVersionContract("D1", async () => {
  await reset();
  await applyD1Migrations(DB, TEST_MIGRATIONS.slice(0, OLD_MIGRATIONS));
  await DB.batch(oldRows(TEST_OLD_DATABASE, NOW).map((row) => DB.prepare(row)));
  await applyD1Migrations(DB, TEST_MIGRATIONS);
  return createLedger(d1Database(DB, NAMESPACE));
});
