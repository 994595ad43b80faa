/** Puts the ledger together from the parts in this folder. It is the same SQL on D1 and on libSQL. */
import type { Ledger } from "#ports/ledger.ts";
import { agentRows } from "./configuration/agents.ts";
import { configurationRows } from "./configuration/configuration.ts";
import { learntRows } from "./configuration/learnt.ts";
import { people } from "./configuration/people.ts";
import { createResolvePlace } from "./configuration/resolve.ts";
import { leases } from "./leases.ts";
import { repair } from "./repair/repair.ts";
import { admissions } from "./rooms/admissions.ts";
import { comparison } from "./rooms/comparison.ts";
import { intake } from "./rooms/intake.ts";
import { members } from "./rooms/members.ts";
import { roomFacts, roomReader } from "./rooms/room-facts.ts";
import { senderFacts } from "./rooms/sender-facts.ts";
import { settling } from "./rooms/settle.ts";
import { verdicts } from "./rooms/verdicts.ts";
import { waitingEvents } from "./rooms/waiting.ts";
import type { Database } from "./sql/database.ts";
import { createNoted } from "./sql/noted.ts";
import { chatter } from "./turns/chatter.ts";
import { currentTurns } from "./turns/current-turn.ts";
import { epochs } from "./turns/epochs.ts";
import { openSessions } from "./turns/open-sessions.ts";
import { outboxRows } from "./turns/outbox.ts";
import { places } from "./turns/places.ts";
import { turns } from "./turns/turns.ts";
import { deadLetters } from "./upkeep/dead-letters.ts";
import { figures } from "./upkeep/figures.ts";
import { forgetting } from "./upkeep/forgetting.ts";
import { gaps } from "./upkeep/gaps.ts";
import { limits } from "./upkeep/limits.ts";
import { marks } from "./upkeep/marks.ts";

export function createLedger(given: Database): Ledger {
  const noted = createNoted();
  const database = { ...given, noted };
  const resolvePlace = createResolvePlace(noted);
  const rooms = roomReader(database, resolvePlace);
  const current = currentTurns(database, resolvePlace);
  return {
    ...intake(database),
    ...leases(database, current),
    ...waitingEvents(database),
    ...openSessions(database),
    ...verdicts(database),
    ...roomFacts(database, resolvePlace, rooms),
    ...senderFacts(database, rooms),
    ...settling(database),
    ...members(database),
    ...comparison(database),
    ...admissions(database),
    ...turns(database, current),
    ...places(database),
    ...epochs(database),
    ...chatter(database),
    ...outboxRows(database),
    ...configurationRows(database),
    ...agentRows(database, resolvePlace),
    ...learntRows(database),
    ...people(database),
    ...deadLetters(database),
    ...limits(database),
    ...marks(database),
    ...gaps(database),
    ...figures(database),
    ...forgetting(database),
    ...repair(database),
  };
}
