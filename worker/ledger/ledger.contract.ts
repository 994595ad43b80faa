/** What every ledger promises, on whatever database it rests. A new one is finished when this suite is green for it. */
import { describe } from "vitest";
import type { Ledger } from "#ports/ledger.ts";
import { atomicityContract, fenceContract } from "./ledger-fence.contract.ts";
import { gateContract } from "./ledger-gate.contract.ts";
import { agentsContract, intakeContract, laneContract } from "./ledger-intake.contract.ts";
import { outContract, roomContract, sessionContract } from "./ledger-lanes.contract.ts";
import { policyContract } from "./ledger-policy.contract.ts";
import { roomsContract } from "./ledger-rooms.contract.ts";
import { surviveContract } from "./ledger-survive.contract.ts";
import { whyContract } from "./ledger-why.contract.ts";

/** `make` gives an empty ledger whose namespace is `NAMESPACE` of `#testing/ledger-rows.ts`. */
export function ledgerContract(name: string, make: () => Promise<Ledger>): void {
  describe(`${name} as a ledger`, () => {
    intakeContract(make);
    laneContract(make);
    roomContract(make);
    sessionContract(make);
    outContract(make);
    agentsContract(make);
    fenceContract(make);
    atomicityContract(make);
    surviveContract(make);
    gateContract(make);
    roomsContract(make);
    policyContract(make);
    whyContract(make);
  });
}
