/**
 * Counts what an invocation of the Worker has done: statements and requests, which Cloudflare limits. Long work asks before
 * each step whether it may go on, and leaves the rest to the next invocation.
 *
 * @see https://developers.cloudflare.com/d1/platform/limits/
 * @see https://developers.cloudflare.com/workers/platform/limits/#subrequests
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Fetch } from "#core/turn/backend.ts";
import type { Database } from "../ledger/sql/database.ts";

export interface Meter {
  /** An invocation begins. */
  reset(): void;
  /** False when no further step fits into the invocation. */
  mayGoOn(): boolean;
  database(database: Database): Database;
  fetch(fetch: Fetch): Fetch;
}

export function createMeter(): Meter {
  let calls = 0;
  return {
    reset() {
      calls = 0;
    },
    mayGoOn: () => calls + BOUNDS.callsAStep.max <= BOUNDS.callsARun.max,
    database: (database) => ({
      ...database,
      all(statement, durability) {
        calls++;
        return database.all(statement, durability);
      },
      atomic(statements, durability) {
        calls += statements.length;
        return database.atomic(statements, durability);
      },
    }),
    fetch: (fetch) => (input, init) => {
      calls++;
      return fetch(input, init);
    },
  };
}
