/** The ledger, put together: the same SQL on D1 and on libSQL. */
import type { Ledger } from "#ports";
import { type Database, sql } from "./database.ts";
import { intake } from "./intake.ts";
import { leases } from "./leases.ts";
import { outboxRows } from "./outbox.ts";
import { agentRows } from "./policy/agents.ts";
import { configurations } from "./policy/configuration.ts";
import { access } from "./policy/pairing.ts";
import { policies } from "./policy/resolve.ts";
import { chatter } from "./rooms/chatter.ts";
import { decisions } from "./rooms/decide.ts";
import { epochs } from "./rooms/epochs.ts";
import { looks } from "./rooms/look.ts";
import { members } from "./rooms/members.ts";
import { senders } from "./rooms/sender.ts";
import { waiting } from "./rooms/waiting.ts";
import { sessions } from "./turns.ts";
import { upkeep } from "./upkeep.ts";

export function createLedger(database: Database): Ledger {
  const policyOf = policies();
  return {
    ...intake(database),
    ...leases(database),
    ...waiting(database),
    ...looks(database, policyOf),
    ...senders(database),
    ...decisions(database),
    ...members(database),
    ...sessions(database),
    ...epochs(database),
    ...chatter(database),
    ...outboxRows(database),
    ...configurations(database),
    ...agentRows(database, policyOf),
    ...access(database),
    ...upkeep(database),
    async ping() {
      await database.all(sql`SELECT 1`);
    },
  };
}
