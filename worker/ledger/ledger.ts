/** The ledger, put together: the same SQL on D1 and on libSQL. */
import type { Ledger } from "#ports";
import { agentRows } from "./agents.ts";
import { type Database, sql } from "./database.ts";
import { intake } from "./intake.ts";
import { leases } from "./leases.ts";
import { outboxRows } from "./outbox.ts";
import { rooms } from "./rooms.ts";
import { sessions } from "./turns.ts";
import { upkeep } from "./upkeep.ts";

export function createLedger(database: Database): Ledger {
  return {
    ...intake(database),
    ...leases(database),
    ...rooms(database),
    ...sessions(database),
    ...outboxRows(database),
    ...agentRows(database),
    ...upkeep(database),
    async ping() {
      await database.all(sql`SELECT 1`);
    },
  };
}
