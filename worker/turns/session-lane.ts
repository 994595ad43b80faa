/**
 * The session lane: the turns of one conversation, one at a time, oldest first; each is taken from its prompt to a stored
 * answer, and from there to a delivered one. What is left to do is read off the turn's row, so a crash anywhere only
 * means that the next runner reads it again.
 */

import type { Agent } from "#core/agent.ts";
import { APOLOGY, INTERRUPTED, NOTHING_TO_SAY, STOPPED } from "#core/strings.ts";
import { ATTEMPTS_MAX, type Reply, type Turn } from "#core/turn.ts";
import type { Delivery, Idle, Ledger, Log, RunLane, Running, Work } from "#ports";
import { type AttemptNeeds, attempt } from "./attempt.ts";
import type { Outcome } from "./words.ts";

const RETRY_MS_MIN = 1_500;
const RETRY_MS_MAX = 60_000;
/** While a homeserver cannot be reached its sessions look again this often. */
const UNREACHABLE_MS = 3_000;

export interface Needs extends AttemptNeeds {
  ledger: Ledger;
  delivery: Delivery;
  log: Log;
  run: RunLane;
}

export function sessionLane(needs: Needs): Work {
  return async (running) => {
    for (;;) {
      const turn = await needs.ledger.currentTurn(running.lease, needs.clock.now());
      if (!turn || running.lost.aborted) return { idle: true };
      const idle = turn.state === "answered" ? await deliver(needs, running, turn) : await answer(needs, running, turn);
      if (idle) return idle;
    }
  };
}

/** Resolves to undefined when the lane may go on at once. */
async function answer(needs: Needs, running: Running, turn: Turn): Promise<Idle | undefined> {
  const { ledger, log, clock } = needs;
  const agent = await ledger.agent(turn.agent);
  if (!agent) {
    // Retired since: its ghost says nothing any more.
    log("turn_failed", { turn: turn.id, agent: turn.agent, code: "not_found", detail: "the agent is retired" });
    await ledger.answered(running.lease, turn.id, { kind: "notice", markdown: "" }, []);
    await ledger.delivered(running.lease, turn.id);
    return undefined;
  }
  const intent = await needs.ghosts.intent(agent);
  if (!intent.ok) return later(needs, running, turn, UNREACHABLE_MS);
  if (!(await ledger.startAttempt(running.lease, turn.id))) return { idle: true };

  const started = { ...turn, attempt: turn.attempt + 1 };
  log("turn_started", { turn: turn.id, agent: turn.agent, attempt: started.attempt });
  const startedAtMs = clock.now();
  const outcome = await attempt(needs, running, started, agent, intent.value);
  if (running.lost.aborted) return { idle: true };
  if (outcome.kind === "failed") {
    const { code, detail } = outcome;
    log("turn_failed", { turn: turn.id, agent: turn.agent, attempt: started.attempt, code, detail });
    if (worthAnother(outcome, started)) return later(needs, running, turn, waitMs(outcome, started));
  }
  const concluded = await conclude(needs, running, started, agent, outcome);
  log("turn_answered", { turn: turn.id, agent: turn.agent, outcome: outcome.kind, ms: clock.now() - startedAtMs });
  // Without a draft everything is frozen by now; with one the turn is read again, as a successor would read it.
  return concluded === "frozen" ? send(needs, running, turn) : undefined;
}

/** Asked again only while nobody has seen anything of the answer. */
const worthAnother = (outcome: Extract<Outcome, { kind: "failed" }>, turn: Turn): boolean =>
  outcome.retryable && outcome.shown.trim() === "" && turn.attempt < ATTEMPTS_MAX;

const waitMs = ({ retryAfterMs }: Extract<Outcome, { kind: "failed" }>, { attempt: tried }: Turn): number =>
  Math.min(Math.max(retryAfterMs ?? 0, RETRY_MS_MIN * 2 ** (tried - 1)), RETRY_MS_MAX);

async function later(
  { ledger, clock }: Needs,
  { lease }: Running,
  turn: Turn,
  waitMilliseconds: number,
): Promise<Idle> {
  const dueAtMs = clock.now() + waitMilliseconds;
  await ledger.postpone(lease, turn.id, dueAtMs);
  return { idle: true, dueAtMs };
}

/** The answer is stored, with the rows that deliver it where they can be known: the backend is never asked again. */
async function conclude(
  { ledger, delivery }: Needs,
  { lease }: Running,
  turn: Turn,
  agent: Agent,
  outcome: Outcome,
): Promise<"frozen" | "stored"> {
  const reply = replyOf(outcome, agent);
  const draft = await ledger.outboxRow(delivery.draftKey(turn));
  await ledger.answered(lease, turn.id, reply, draft ? [] : delivery.rows(turn, reply));
  return draft ? "stored" : "frozen";
}

function replyOf(outcome: Outcome, { name }: Agent): Reply {
  switch (outcome.kind) {
    case "answered":
      return outcome.text.trim() === ""
        ? { kind: "notice", markdown: NOTHING_TO_SAY }
        : { kind: "reply", markdown: outcome.text };
    case "stopped":
      return said(outcome.shown, STOPPED);
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

async function deliver(needs: Needs, running: Running, turn: Turn): Promise<Idle | undefined> {
  const { ledger, delivery, run } = needs;
  const draftKey = delivery.draftKey(turn);
  let draft = await ledger.outboxRow(draftKey);
  if (draft?.state === "frozen") {
    // The final edit names the first message, so that one has to be there before the edit can be frozen.
    await run(delivery.lane(turn));
    draft = await ledger.outboxRow(draftKey);
    if (draft?.state === "frozen") return later(needs, running, turn, UNREACHABLE_MS);
  }
  const rows = turn.reply && draft ? delivery.rows(turn, turn.reply, draft.eventId) : [];
  if (rows.length > 0 && !(await ledger.freeze(running.lease, rows))) return { idle: true };
  return send(needs, running, turn);
}

/** What is frozen goes out; the turn is done when none of it is left. */
async function send(needs: Needs, running: Running, turn: Turn): Promise<Idle | undefined> {
  await needs.run(needs.delivery.lane(turn));
  if (!(await needs.ledger.delivered(running.lease, turn.id))) return later(needs, running, turn, UNREACHABLE_MS);
  needs.log("turn_delivered", { turn: turn.id, agent: turn.agent });
  return undefined;
}
