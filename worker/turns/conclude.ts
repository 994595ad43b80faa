/** What becomes of a turn: an outcome turned into the reply that is stored, or an end without one. */
import type { Agent } from "#core/configuration/agent.ts";
import { APOLOGY, INTERRUPTED, NOTHING_TO_SAY, STOPPED, TAKEN_OVER } from "#core/strings/replies.ts";
import type { Reply, Turn, TurnEnding } from "#core/turn/turn.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Log } from "#ports/host.ts";
import type { Running } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Lack } from "#ports/turns.ts";
import type { Outcome } from "./words.ts";

interface Needs {
  ledger: Ledger;
  delivery: Delivery;
  log: Log;
}

/** The answer is stored, with the rows that deliver it where they can be known; or that there is none. The backend is never asked again. */
export async function conclude(
  { ledger, delivery }: Needs,
  { lease }: Running,
  turn: Turn,
  agent: Agent,
  outcome: Outcome,
): Promise<"frozen" | "stored" | "silent"> {
  const draft = await ledger.outboxRow(delivery.draftKey(turn));
  if (outcome.kind === "silent" && !draft) {
    await ledger.endTurn(lease, turn.id, { ending: "silent" });
    return "silent";
  }
  const reply = replyOf(outcome, agent);
  await ledger.answered(lease, turn.id, reply, draft ? [] : delivery.rows(turn, reply), lackOf(outcome, turn));
  return draft ? "stored" : "frozen";
}

/** A turn that is not asked any more. Whoever asked is told where an answer could still be expected. */
export async function giveUp(
  needs: Needs,
  running: Running,
  turn: Turn,
  ending: TurnEnding,
  agent?: Agent,
): Promise<"on"> {
  needs.log("turn_failed", { turn: turn.id, agent: turn.agent, code: ending });
  if (agent && ending === "poison") {
    const detail = `its runner died ${turn.attempt} times`;
    await conclude(needs, running, turn, agent, {
      kind: "failed",
      code: "poison",
      detail,
      retryable: false,
      shown: turn.shown ?? "",
    });
  } else {
    await needs.ledger.endTurn(running.lease, turn.id, {
      ending,
      deadLetter: letterOf(turn, ending, SILENT[ending] ?? ""),
    });
  }
  return "on";
}

const SILENT: Partial<Record<TurnEnding, string>> = {
  late: "a reply would have come too long after the question",
  retired: "the agent is retired",
};

const letterOf = (turn: Turn, ending: TurnEnding, detail: string) => ({
  kind: "turn" as const,
  reason: `${turn.agent} gave up a turn (${ending}): ${detail}`,
  raw: turn.id,
});

function lackOf(outcome: Outcome, turn: Turn): Lack | undefined {
  if (outcome.kind === "failed")
    return { ending: outcome.code, deadLetter: letterOf(turn, outcome.code, outcome.detail) };
  return outcome.kind === "stopped" || outcome.kind === "takenOver" ? { ending: "stopped" } : undefined;
}

function replyOf(outcome: Outcome, { name }: Agent): Reply {
  switch (outcome.kind) {
    case "answered":
      return outcome.text.trim() === ""
        ? { kind: "notice", markdown: NOTHING_TO_SAY }
        : { kind: "reply", markdown: outcome.text };
    case "silent":
      // Somebody has seen the beginning of something, so it cannot be left at that.
      return { kind: "notice", markdown: NOTHING_TO_SAY };
    case "stopped":
      return said(outcome.shown, STOPPED);
    case "takenOver":
      return said(outcome.shown, TAKEN_OVER);
    case "interrupted":
      return said(outcome.shown, INTERRUPTED);
    case "failed":
      return outcome.shown.trim() === ""
        ? { kind: "notice", markdown: APOLOGY[outcome.code].replaceAll("{agent}", name) }
        : said(outcome.shown, INTERRUPTED);
  }
}

/** What was shown stays, and a line says why there is no more of it. */
const said = (shown: string, line: string): Reply =>
  shown.trim() === "" ? { kind: "notice", markdown: line } : { kind: "reply", markdown: `${closed(shown)}\n\n${line}` };

/** An answer that broke off inside a code fence: the fence ends before our own line. */
function closed(text: string): string {
  const fences = text.match(/^ {0,3}(```+|~~~+)/gm) ?? [];
  return fences.length % 2 === 1 ? `${text}\n${fences.at(-1)?.trim() ?? "```"}` : text;
}
