/** The ledger on D1, inside workerd and within Cloudflare's limits: the same contract. */
import { applyD1Migrations, type D1Migration, env, reset } from "cloudflare:test";
import { D1_LIMITS, limitedD1, limitRows } from "#testing/d1/limited.ts";
import { NAMESPACE, NOW } from "#testing/ledger-rows.ts";
import { OLD_VERSIONS, type OldVersion, oldRows } from "#testing/old-database.ts";
import { ledgerContract } from "./ledger.contract.ts";
import { createLedger } from "./ledger.ts";
import { oldVersionContract } from "./old-version.contract.ts";
import { d1Database } from "./sql/d1.ts";

const { DB, TEST_MIGRATIONS, TEST_OLD_DATABASES } = env as typeof env & {
  TEST_MIGRATIONS: D1Migration[];
  TEST_OLD_DATABASES: Record<OldVersion, string>;
};

/** A ledger of one long invocation for each test, so that statements are not limited. */
async function ledgerWithinLimits() {
  await limitRows(DB);
  const limits = { ...D1_LIMITS, statements: Number.POSITIVE_INFINITY };
  return createLedger(d1Database(limitedD1(DB, limits).database, NAMESPACE));
}

ledgerContract("D1", async () => {
  await reset();
  await applyD1Migrations(DB, TEST_MIGRATIONS);
  return ledgerWithinLimits();
});

for (const old of OLD_VERSIONS) {
  const { version, migrations } = old;
  oldVersionContract("D1", old, async () => {
    await reset();
    await applyD1Migrations(DB, TEST_MIGRATIONS.slice(0, migrations));
    await DB.batch(oldRows(TEST_OLD_DATABASES[version], NOW).map((row) => DB.prepare(row)));
    await applyD1Migrations(DB, TEST_MIGRATIONS);
    return ledgerWithinLimits();
  });
}
