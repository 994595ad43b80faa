/**
 * When our users are compared with the homeserver: all of them at a start with an empty ledger, and after the homeserver may
 * have lost something or was found to have done so; otherwise a few at each upkeep, in turn.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { UserId } from "#core/protocol/ids.ts";
import { caught, messageOf } from "#core/result.ts";
import type { ComparisonLedger } from "#ports/comparison.ts";
import type { Standing } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import { REPAIR_MARK } from "./repair.ts";

export interface CompareNeeds {
  ledger: Pick<OperatorLedger, "mark" | "setMark" | "swapMark"> & Pick<ComparisonLedger, "ourUsers">;
  clock: Clock;
  log: Log;
  standing: Standing;
  /** Compares one user; `inTurn`: as one of the slow rotation. `unfinished`: the rest is done in the next run. */
  compareUser: (userId: UserId, inTurn: boolean) => Promise<"done" | "unfinished">;
  /** False when this run has done as much as the host allows. */
  mayGoOn?: (() => boolean) | undefined;
}

/** The mark that asks for all users: `due`, `going` while some are left, `done`. An empty ledger has none. */
export const COMPARE_MARK = "compare";
/** Where the next page of users begins. */
const NEXT_MARK = "compare_next";

/** Compares all users where that is due, or the next few. What does not fit into one upkeep is left to the next one. */
export async function compareUsers(needs: CompareNeeds): Promise<void> {
  const { ledger, clock } = needs;
  const mark = (await ledger.mark(REPAIR_MARK)) === "due" ? "due" : await ledger.mark(COMPARE_MARK);
  const isRound = mark !== "done";
  const begins = isRound && mark !== "going";
  const from = begins ? "" : ((await ledger.mark(NEXT_MARK)) ?? "");
  if (begins) await ledger.setMark(COMPARE_MARK, "going");
  const untilMs = clock.now() + BOUNDS.comparisonTime.max;
  const reached = await comparePages(needs, from, untilMs, isRound);
  await ledger.setMark(NEXT_MARK, reached ?? "");
  // A doubt that came meanwhile has set `due` again.
  if (reached === undefined) await ledger.swapMark(COMPARE_MARK, "going", "done");
}

/** Gives where the next upkeep goes on; undefined where everybody was compared. */
async function comparePages(
  needs: CompareNeeds,
  from: string,
  untilMs: number,
  isRound: boolean,
): Promise<string | undefined> {
  let at = from;
  let known = 0;
  do {
    const { users, next } = await needs.ledger.ourUsers(at, BOUNDS.comparedUsers.max);
    known += users.length;
    for (const userId of users) {
      const isSpent = needs.clock.now() >= untilMs || needs.mayGoOn?.() === false;
      if (isSpent || !(await compareOne(needs, userId, !isRound))) return at;
    }
    // With the bot alone the configuration has yet to come: it is the ledger of a first start.
    if (next === undefined) return isRound && from === "" && known <= 1 ? "" : undefined;
    at = next;
  } while (isRound);
  return at;
}

/** False when nothing further is to be asked now. A user about whom alone there is no answer is passed by. */
async function compareOne(needs: CompareNeeds, userId: UserId, inTurn: boolean): Promise<boolean> {
  const { compareUser, log, standing } = needs;
  const compared = await caught(compareUser(userId, inTurn));
  if (compared.ok) return compared.value === "done";
  log("user_uncompared", { user: userId, error: messageOf(compared.error) });
  return standing.isWell();
}
