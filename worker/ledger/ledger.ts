/** The ledger, put together: the same SQL on D1 and on libSQL. */
import type { Ledger } from "#ports/ledger.ts";
import { agentRows } from "./configuration/agents.ts";
import { configurations } from "./configuration/configuration.ts";
import { access } from "./configuration/people.ts";
import { policies } from "./configuration/resolve.ts";
import { leases } from "./leases.ts";
import { intake } from "./rooms/intake.ts";
import { members } from "./rooms/members.ts";
import { roomFacts } from "./rooms/room-facts.ts";
import { senderLookups } from "./rooms/sender-facts.ts";
import { settling } from "./rooms/settle.ts";
import { waiting } from "./rooms/waiting.ts";
import type { Database } from "./sql/database.ts";
import { chatter } from "./turns/chatter.ts";
import { epochs } from "./turns/epochs.ts";
import { outboxRows } from "./turns/outbox.ts";
import { sessions } from "./turns/turns.ts";
import { deadLetters } from "./upkeep/dead-letters.ts";
import { figures } from "./upkeep/figures.ts";
import { forgetting } from "./upkeep/forgetting.ts";
import { gaps } from "./upkeep/gaps.ts";
import { limits } from "./upkeep/limits.ts";
import { marks } from "./upkeep/marks.ts";

export function createLedger(database: Database): Ledger {
  const policyOf = policies();
  return {
    ...intake(database),
    ...leases(database),
    ...waiting(database),
    ...roomFacts(database, policyOf),
    ...senderLookups(database),
    ...settling(database),
    ...members(database),
    ...sessions(database),
    ...epochs(database),
    ...chatter(database),
    ...outboxRows(database),
    ...configurations(database),
    ...agentRows(database, policyOf),
    ...access(database),
    ...deadLetters(database),
    ...limits(database),
    ...marks(database),
    ...gaps(database),
    ...figures(database),
    ...forgetting(database),
  };
}
