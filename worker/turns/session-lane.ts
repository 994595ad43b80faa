/**
 * The session lane: the turns of one conversation, one at a time, oldest first; each is taken from its prompt to a stored
 * answer, and from there to a delivered one. What is left to do is read off the turn's row (`step`), so a crash anywhere
 * only means that the next runner reads it again.
 */
import type { Agent } from "#core/configuration/agent.ts";
import { retryAt, type Step, step, type Turn } from "#core/turn/turn.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Log } from "#ports/host.ts";
import type { RunLane, Running, Work } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import { type AttemptNeeds, attempt, backendOf } from "./attempt.ts";
import { conclude, giveUp } from "./conclude.ts";
import { type Limits, mayStart } from "./limits.ts";
import type { Outcome } from "./words.ts";

/** While a homeserver cannot be reached its sessions look again this often. */
const UNREACHABLE_MS = 3_000;

export interface Needs extends AttemptNeeds {
  ledger: Ledger;
  delivery: Delivery;
  log: Log;
  run: RunLane;
  limits: Limits;
  /** Between 0 and 1. */
  random: () => number;
  /** False where a turn begun now could be cut off by its host. */
  mayBegin?: (() => boolean) | undefined;
}

/** Whether the lane goes on with what is next, or has nothing more to do for now. */
type Next = "on" | "rest";

export function sessionLane(needs: Needs): Work {
  return async (running) => {
    for (;;) {
      const current = await needs.ledger.currentTurn(running.lease);
      if (!current || running.lost.aborted) return;
      const { turn, told } = current;
      if (told && turn.state !== "answered" && (await heard(needs, running, turn))) continue;
      if ((await take(needs, running, turn)) === "rest") return;
    }
  };
}

/** What was said to a turn that does not run. True when it has ended by that. */
async function heard(needs: Needs, running: Running, turn: Turn): Promise<boolean> {
  const told = await needs.ledger.takeControls(running.lease, turn);
  if (!told.includes("stop")) return false;
  const agent = await needs.ledger.agent(turn.agent, turn.roomId);
  if (agent) await conclude(needs, running, turn, agent, { kind: "stopped", shown: turn.shown ?? "" });
  else await giveUp(needs, running, turn, "retired");
  return true;
}

async function take(needs: Needs, running: Running, turn: Turn): Promise<Next> {
  const agent = await needs.ledger.agent(turn.agent, turn.roomId);
  const next = step(turn, {
    nowMs: needs.clock.now(),
    turns: agent?.turns,
    // Looked up only where it decides anything: most turns have shown nothing yet.
    idempotent: turn.shown !== undefined && agent !== undefined && (await isIdempotent(needs, agent)),
  });
  return agent && next.do !== "giveUp"
    ? act(needs, running, turn, agent, next)
    : giveUp(needs, running, turn, next.do === "giveUp" ? next.ending : "retired", agent);
}

async function isIdempotent(needs: Needs, agent: Agent): Promise<boolean> {
  const checked = await backendOf(needs, agent);
  return checked.ok && checked.value.capabilities.idempotent;
}

function act(
  needs: Needs,
  running: Running,
  turn: Turn,
  agent: Agent,
  next: Exclude<Step, { do: "giveUp" }>,
): Promise<Next> | Next {
  switch (next.do) {
    case "wait":
      return "rest";
    case "deliver":
      return deliver(needs, running, turn);
    case "complete":
      return concluded(needs, running, turn, agent, { kind: "interrupted", shown: next.shown });
    case "attempt":
      return answer(needs, running, turn, agent);
  }
}

async function answer(needs: Needs, running: Running, turn: Turn, agent: Agent): Promise<Next> {
  const { ledger, log, clock } = needs;
  if (needs.mayBegin?.() === false) return "rest";
  if (await isMerged(needs, running, turn, agent)) return "on";
  const intent = await needs.ghosts.intent(agent);
  if (!intent.ok) return later(needs, running, turn, UNREACHABLE_MS);
  const waitMs = await mayStart(needs, running, turn, agent);
  if (waitMs > 0) return later(needs, running, turn, waitMs);

  const started = { ...turn, attempt: turn.attempt + 1 };
  log("turn_started", { turn: turn.id, agent: turn.agent, attempt: started.attempt });
  const startedAtMs = clock.now();
  const outcome = await attempt(needs, running, started, agent, intent.value);
  if (running.lost.aborted) return "rest";
  if (outcome.kind === "failed") {
    const { code, detail } = outcome;
    log("turn_failed", { turn: turn.id, agent: turn.agent, attempt: started.attempt, code, detail });
    const againMs = retryAt(outcome, turn.failures + 1, clock.now(), needs.random());
    if (againMs !== undefined) {
      await ledger.postpone(running.lease, turn.id, againMs, "failed");
      return "rest";
    }
  }
  log("turn_answered", { turn: turn.id, agent: turn.agent, outcome: outcome.kind, ms: clock.now() - startedAtMs });
  return concluded(needs, running, started, agent, outcome);
}

/**
 * What waits behind a turn that was not begun yet becomes a part of it, where the agent is set up so; true when the turn
 * is to be read again. Never later: an attempt that is repeated repeats the same question.
 */
async function isMerged({ ledger, clock }: Needs, { lease }: Running, turn: Turn, { turns }: Agent): Promise<boolean> {
  if (turn.attempt > 0) return false;
  if (turns.debounce > 0) {
    const untilMs = await ledger.heldBackUntil(lease, turn);
    // Somebody who never pauses is answered all the same.
    const patienceMs = turn.askedAtMs + 10 * turns.debounce * 1_000;
    if (untilMs > clock.now() && clock.now() < patienceMs) return ledger.postpone(lease, turn.id, untilMs);
    if ((await ledger.merge(lease, turn, "sender")) > 0) return true;
  }
  return turns.whileBusy === "collect" && (await ledger.merge(lease, turn, "all")) > 0;
}

async function later({ ledger, clock }: Needs, { lease }: Running, turn: Turn, waitMs: number): Promise<"rest"> {
  await ledger.postpone(lease, turn.id, clock.now() + waitMs);
  return "rest";
}

/** The answer is stored; without a draft everything is frozen by then, with one the turn is read again. */
async function concluded(needs: Needs, running: Running, turn: Turn, agent: Agent, outcome: Outcome): Promise<Next> {
  return (await conclude(needs, running, turn, agent, outcome)) === "frozen" ? send(needs, running, turn) : "on";
}

async function deliver(needs: Needs, running: Running, turn: Turn): Promise<Next> {
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
  if (rows.length > 0 && !(await ledger.freeze(running.lease, rows))) return "rest";
  return send(needs, running, turn);
}

/** What is frozen goes out; the turn is done when none of it is left. */
async function send(needs: Needs, running: Running, turn: Turn): Promise<Next> {
  await needs.run(needs.delivery.lane(turn));
  if (!(await needs.ledger.delivered(running.lease, turn.id))) return later(needs, running, turn, UNREACHABLE_MS);
  needs.log("turn_delivered", { turn: turn.id, agent: turn.agent });
  return "on";
}
