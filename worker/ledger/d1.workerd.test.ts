/** The ledger on D1, inside workerd: the same contract. */
import { applyD1Migrations, type D1Migration, env, reset } from "cloudflare:test";
import { NAMESPACE } from "#testing/ledger-rows.ts";
import { ledgerContract } from "./ledger.contract.ts";
import { createLedger } from "./ledger.ts";
import { d1Database } from "./sql/d1.ts";

ledgerContract("D1", async () => {
  const { DB, TEST_MIGRATIONS } = env as typeof env & { TEST_MIGRATIONS: D1Migration[] };
  await reset();
  await applyD1Migrations(DB, TEST_MIGRATIONS);
  return createLedger(d1Database(DB, NAMESPACE));
});
