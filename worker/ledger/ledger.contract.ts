/** The contract of every ledger, on any database. A new ledger is finished when this suite is green for it. */
import { describe } from "vitest";
import type { Ledger } from "#ports/ledger.ts";
import { accessContract } from "./ledger-access.contract.ts";
import { admissionsContract } from "./ledger-admissions.contract.ts";
import { askersContract } from "./ledger-askers.contract.ts";
import { clocksContract } from "./ledger-clocks.contract.ts";
import { comparisonContract } from "./ledger-comparison.contract.ts";
import { configurationContract } from "./ledger-configuration.contract.ts";
import { contextContract } from "./ledger-context.contract.ts";
import { controlsContract } from "./ledger-controls.contract.ts";
import { familiesContract } from "./ledger-families.contract.ts";
import { atomicityContract, fenceContract } from "./ledger-fence.contract.ts";
import { forgettingContract } from "./ledger-forgetting.contract.ts";
import { agentsContract, intakeContract, laneContract } from "./ledger-intake.contract.ts";
import { learntContract } from "./ledger-learnt.contract.ts";
import { limitContract } from "./ledger-limits.contract.ts";
import { mergingContract } from "./ledger-merging.contract.ts";
import { orderContract } from "./ledger-order.contract.ts";
import { outboxContract } from "./ledger-outbox.contract.ts";
import { placesContract } from "./ledger-places.contract.ts";
import { reasonsContract } from "./ledger-reasons.contract.ts";
import { redactionContract } from "./ledger-redaction.contract.ts";
import { roomFactsContract } from "./ledger-room-facts.contract.ts";
import { roomsContract } from "./ledger-rooms.contract.ts";
import { senderContract } from "./ledger-sender.contract.ts";
import { turnContract } from "./ledger-turns.contract.ts";
import { upkeepContract } from "./ledger-upkeep.contract.ts";
import { verdictContract } from "./ledger-verdicts.contract.ts";

/** `make` gives an empty ledger whose namespace is `NAMESPACE` of `#testing/ledger-rows.ts`. */
export function ledgerContract(name: string, make: () => Promise<Ledger>): void {
  describe(`${name} as a ledger`, () => {
    intakeContract(make);
    laneContract(make);
    learntContract(make);
    verdictContract(make);
    turnContract(make);
    controlsContract(make);
    mergingContract(make);
    redactionContract(make);
    limitContract(make);
    placesContract(make);
    clocksContract(make);
    outboxContract(make);
    agentsContract(make);
    fenceContract(make);
    atomicityContract(make);
    roomFactsContract(make);
    familiesContract(make);
    senderContract(make);
    askersContract(make);
    admissionsContract(make);
    comparisonContract(make);
    upkeepContract(make);
    roomsContract(make);
    orderContract(make);
    configurationContract(make);
    accessContract(make);
    contextContract(make);
    reasonsContract(make);
    forgettingContract(make);
  });
}
