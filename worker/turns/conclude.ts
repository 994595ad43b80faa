/** Ends the work on a turn: stores its outcome as a reply, or ends it without one. */
import type { Agent } from "#core/configuration/agent.ts";
import { forOperator } from "#core/strings/failures.ts";
import { APOLOGY, INTERRUPTED, NOTHING_TO_SAY, STOPPED, TAKEN_OVER, TOO_LONG } from "#core/strings/replies.ts";
import { closeFence } from "#core/turn/parts.ts";
import { type Reply, type Turn, type TurnEnding, textReply } from "#core/turn/turn.ts";
import type { Delivery, OutboxLedger } from "#ports/delivery.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Running } from "#ports/lanes.ts";
import type { Lack, TurnLedger } from "#ports/turns.ts";
import { type Rings, ringFor } from "./grant.ts";
import type { Outcome } from "./words.ts";

export interface ConcludeNeeds extends Rings {
  ledger: Pick<OutboxLedger, "outboxRow"> & Pick<TurnLedger, "storeAnswer" | "endTurn">;
  delivery: Pick<Delivery, "draftKey" | "rows">;
  clock: Pick<Clock, "now">;
  log: Log;
}

type Leased = Pick<Running, "lease">;

/**
 * Stores the reply; after this the backend is never asked again. `queued`: the rows that deliver it are stored too.
 * `stored`: there is a draft, and the rows follow when its event id is known. `silent`: the turn has no reply.
 *
 * `hasDraft`: a draft of the turn was stored, by this attempt or an earlier one.
 */
export async function conclude(
  needs: ConcludeNeeds,
  { lease }: Leased,
  turn: Turn,
  outcome: Outcome,
  hasDraft = turn.shown !== undefined,
): Promise<"queued" | "stored" | "silent"> {
  const { ledger, delivery, clock } = needs;
  const draft = hasDraft ? await ledger.outboxRow(delivery.draftKey(turn)) : undefined;
  const nowMs = clock.now();
  if (outcome.kind === "silent" && !draft) {
    await ringFor(needs, await ledger.endTurn(lease, turn.id, { ending: "silent" }, nowMs));
    return "silent";
  }
  const reply = replyOf(outcome);
  const rows = draft ? [] : await delivery.rows(turn, reply);
  const answer = { reply, rows, lack: lackOf(outcome, turn), nowMs };
  await ringFor(needs, await ledger.storeAnswer(lease, turn.id, answer));
  return draft ? "stored" : "queued";
}

/** Ends a turn whose backend is not asked again. Only a `poison` turn of an existing agent says so in the room. */
export async function giveUp(
  needs: ConcludeNeeds,
  { lease }: Leased,
  turn: Turn,
  ending: TurnEnding,
  agent?: Agent,
): Promise<void> {
  const { ledger, log, clock } = needs;
  log("turn_failed", { turn: turn.id, agent: turn.agent, code: ending });
  if (agent && ending === "poison") {
    const detail = `its runner died ${turn.attempt} times`;
    const failed = { kind: "failed", code: ending, detail, retryable: false, shown: turn.shown ?? "" } as const;
    await conclude(needs, { lease }, turn, failed);
    return;
  }
  // Who takes a message back wants no reply, so nothing is lost.
  const lack = ending === "redacted" ? {} : { deadLetter: deadLetterOf(turn, ending, DETAIL[ending] ?? "") };
  await ringFor(needs, await ledger.endTurn(lease, turn.id, { ending, ...lack }, clock.now()));
}

const DETAIL: Partial<Record<TurnEnding, string>> = {
  late: "a reply would have come too long after the question",
  retired: "the agent is retired",
};

const deadLetterOf = (turn: Turn, ending: TurnEnding, detail: string) => ({
  kind: "turn" as const,
  reason: `${turn.agent} gave up a turn (${ending}): ${detail}`,
  raw: turn.id,
});

function lackOf(outcome: Outcome, turn: Turn): Lack | undefined {
  if (outcome.kind === "failed")
    return {
      ending: outcome.code,
      deadLetter: deadLetterOf(turn, outcome.code, forOperator(outcome.code, outcome.detail)),
    };
  return outcome.kind === "stopped" || outcome.kind === "takenOver" ? { ending: "stopped" } : undefined;
}

function replyOf(outcome: Outcome): Reply {
  switch (outcome.kind) {
    case "answered":
      return outcome.text.trim() === "" ? textReply("notice", NOTHING_TO_SAY) : textReply("reply", outcome.text);
    case "silent":
      // There is a draft: people have seen a beginning, so the turn must end visibly.
      return textReply("notice", NOTHING_TO_SAY);
    case "stopped":
      return brokenOff(outcome.shown, STOPPED);
    case "takenOver":
      return brokenOff(outcome.shown, TAKEN_OVER);
    case "interrupted":
      return brokenOff(outcome.shown, INTERRUPTED);
    case "tooLong":
      return brokenOff(outcome.shown, TOO_LONG);
    case "failed":
      return outcome.shown.trim() === ""
        ? textReply("notice", APOLOGY[outcome.code])
        : brokenOff(outcome.shown, INTERRUPTED);
  }
}

/** The text that was shown, and a line that says why there is no more of it. */
const brokenOff = (shown: string, line: string): Reply =>
  shown.trim() === "" ? textReply("notice", line) : textReply("reply", `${closeFence(shown)}\n\n${line}`);
