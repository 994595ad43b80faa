/**
 * The session lane: takes the turns of one session, one at a time and oldest first, from the prompt to a stored reply, and
 * from there to a delivered one. `step` decides the next step from the turn's row alone, so the next runner can go on
 * after a crash.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Agent } from "#core/configuration/agent.ts";
import { forOperator } from "#core/strings/failures.ts";
import { spread } from "#core/turn/back-off.ts";
import { isDue } from "#core/turn/clocks.ts";
import { retryAt, type Step, step, type Turn } from "#core/turn/turn.ts";
import type { Delivery, OutboxLedger } from "#ports/delivery.ts";
import type { Ghosts } from "#ports/homeserver.ts";
import type { LaneDue, RunLane, Running, Work } from "#ports/lanes.ts";
import type { ControlKind, CurrentTurn, PlaceLedger, TurnLedger } from "#ports/turns.ts";
import { type AttemptNeeds, attempt, backendOf } from "./attempt.ts";
import { type ConcludeNeeds, conclude, giveUp } from "./conclude.ts";
import { ringFor } from "./grant.ts";
import { type LimitNeeds, startWithinLimits } from "./limits.ts";
import type { Outcome } from "./words.ts";

/** The pause before a session tries again while the homeserver cannot be reached. */
const UNREACHABLE_MS = 3_000;

interface SessionLedger
  extends Pick<TurnLedger, "currentTurn" | "controls" | "dropControls" | "postpone" | "postponeFailed">,
    Pick<TurnLedger, "heldBackUntil" | "merge" | "markDelivered">,
    Pick<PlaceLedger, "grantPlaces">,
    Pick<OutboxLedger, "outboxRow" | "queueOut"> {}

export interface Needs extends Omit<AttemptNeeds & ConcludeNeeds & LimitNeeds, "ledger" | "delivery"> {
  ledger: SessionLedger & AttemptNeeds["ledger"] & ConcludeNeeds["ledger"] & LimitNeeds["ledger"];
  delivery: Delivery;
  ghosts: Pick<Ghosts, "intent">;
  run: RunLane;
  /** False where the host could cut off a turn that begins now. */
  mayBegin?: (() => boolean) | undefined;
  /** False when this run has done as much as the host allows. */
  mayGoOn?: (() => boolean) | undefined;
}

/**
 * `on`: the next turn is to be read. `rest`: there is nothing to do for now. `released`: there is no turn left, and the
 * lease was released. Otherwise the next turn was read already.
 */
type Next = "on" | "rest" | "released" | { current: CurrentTurn | undefined };

type AgentTurn = CurrentTurn & { agent: Agent };

export function sessionLane(needs: Needs): Work<CurrentTurn | undefined> {
  return async (running, first) => {
    let current = first;
    while (current && !running.lost.aborted && needs.mayGoOn?.() !== false) {
      const next = await advance(needs, running, current);
      if (next === "released" || next === "rest") return next === "released" ? next : undefined;
      current = next === "on" ? await needs.ledger.currentTurn(running.lease) : next.current;
    }
    return undefined;
  };
}

async function advance(needs: Needs, running: Running, current: CurrentTurn): Promise<Next> {
  const isEnded = current.hasControls && (await endByControls(needs, running, current));
  return isEnded ? "on" : takeStep(needs, running, current);
}

/** Applies the controls of a turn that does not run. True when they ended it. */
async function endByControls(needs: Needs, running: Running, { turn, agent }: CurrentTurn): Promise<boolean> {
  if (turn.state === "answered") return false;
  const kind = endingBy(await needs.ledger.controls(running.lease, turn), turn);
  if (!kind) {
    await needs.ledger.dropControls(running.lease, turn);
    return false;
  }
  if (agent) await conclude(needs, running, turn, { kind, shown: turn.shown ?? "" });
  else await giveUp(needs, running, turn, "retired");
  return true;
}

function endingBy(controls: readonly ControlKind[], { state }: Turn): "stopped" | "takenOver" | undefined {
  if (controls.includes("stop")) return "stopped";
  return controls.includes("interrupt") && state === "running" ? "takenOver" : undefined;
}

async function takeStep(needs: Needs, running: Running, current: CurrentTurn): Promise<Next> {
  const { turn, agent } = current;
  const next = step(turn, {
    nowMs: needs.clock.now(),
    turns: agent?.turns,
    // Only a turn that has shown something depends on it.
    idempotent: turn.shown !== undefined && agent !== undefined && (await isIdempotent(needs, agent)),
  });
  if (agent && next.do !== "giveUp") return act(needs, running, { ...current, agent }, next);
  await giveUp(needs, running, turn, next.do === "giveUp" ? next.ending : "retired", agent);
  return "on";
}

async function isIdempotent(needs: Needs, agent: Agent): Promise<boolean> {
  const backend = await backendOf(needs, agent);
  return backend.ok && backend.value.capabilities.idempotent;
}

function act(
  needs: Needs,
  running: Running,
  current: AgentTurn,
  next: Exclude<Step, { do: "giveUp" }>,
): Promise<Next> | Next {
  const { turn } = current;
  switch (next.do) {
    case "wait":
      return "rest";
    case "deliver":
      return deliver(needs, running, turn);
    case "complete":
      return finish(needs, running, turn, { kind: "interrupted", shown: next.shown });
    case "attempt":
      return answer(needs, running, current);
  }
}

async function answer(needs: Needs, running: Running, { turn, agent, ghost, learnt }: AgentTurn): Promise<Next> {
  const { ledger, log, clock } = needs;
  if (needs.mayBegin?.() === false) return "rest";
  if (await mergeOrWait(needs, running, turn, agent)) return "on";
  const intent = await needs.ghosts.intent(agent, ghost);
  if (!intent.ok) return putOff(needs, running, turn);
  const start = await startWithinLimits(needs, running, turn, agent);
  if (start === "changed") return "on";
  if (start !== "started") {
    // A place that was kept for this turn is free again.
    await ringFor(needs, await ledger.grantPlaces(clock.now()));
    return "rest";
  }

  const started = { ...turn, attempt: turn.attempt + 1 };
  log("turn_started", { turn: turn.id, agent: turn.agent, attempt: started.attempt });
  const startedAtMs = clock.now();
  const { outcome, hasDraft } = await attempt(needs, running, started, { agent, learnt }, intent.value);
  if (running.lost.aborted) return "rest";
  if (outcome.kind === "failed") {
    const { code } = outcome;
    const detail = forOperator(code, outcome.detail);
    log("turn_failed", { turn: turn.id, agent: turn.agent, attempt: started.attempt, code, detail });
    const againMs = retryAt(outcome, turn.failures + 1, clock.now(), needs.random());
    if (againMs !== undefined) {
      await ringFor(needs, await ledger.postponeFailed(running.lease, turn.id, againMs, clock.now()));
      return "rest";
    }
  }
  log("turn_answered", { turn: turn.id, agent: turn.agent, outcome: outcome.kind, ms: clock.now() - startedAtMs });
  return finish(needs, running, started, outcome, hasDraft);
}

/**
 * Merges waiting turns into one that was not begun yet, or puts it off until its sender pauses, as the agent is set up.
 * True when the turn is to be read again. Never after the first attempt: a repeated attempt repeats the same prompts.
 */
async function mergeOrWait(needs: Needs, { lease }: Running, turn: Turn, { turns }: Agent): Promise<boolean> {
  const { ledger, clock } = needs;
  if (turn.attempt > 0) return false;
  if (turns.debounce > 0) {
    const untilMs = await ledger.heldBackUntil(lease, turn);
    // A sender who never pauses gets an answer all the same.
    const patienceMs = turn.askedAtMs + 10 * turns.debounce * 1_000;
    if (!isDue(untilMs, clock.now(), BOUNDS.pauseAhead.max) && clock.now() < patienceMs) {
      await ringFor(needs, await ledger.postpone(lease, turn.id, untilMs, clock.now()));
      return true;
    }
    if ((await ledger.merge(lease, turn, "sender")) > 0) return true;
  }
  return turns.whileBusy === "collect" && (await ledger.merge(lease, turn, "all")) > 0;
}

/** Puts the turn off for a moment, and until then at least. */
async function putOff(needs: Needs, { lease }: Running, turn: Turn, untilMs = 0): Promise<"rest"> {
  const { ledger, clock, random } = needs;
  const nowMs = clock.now();
  const latestMs = nowMs + BOUNDS.turnRetryPause.max;
  const againMs = Math.max(nowMs + spread(UNREACHABLE_MS, random()), Math.min(untilMs, latestMs));
  await ringFor(needs, await ledger.postpone(lease, turn.id, againMs, nowMs));
  return "rest";
}

/** Stores the reply. Without a draft its rows are stored by then; with one the turn is read again. */
async function finish(
  needs: Needs,
  running: Running,
  turn: Turn,
  outcome: Outcome,
  hasDraft = turn.shown !== undefined,
): Promise<Next> {
  const concluded = await conclude(needs, running, turn, outcome, hasDraft);
  return concluded === "queued" ? send(needs, running, turn) : "on";
}

async function deliver(needs: Needs, running: Running, turn: Turn): Promise<Next> {
  const { ledger, delivery, run } = needs;
  const draftKey = delivery.draftKey(turn);
  let draft = turn.shown === undefined ? undefined : await ledger.outboxRow(draftKey);
  if (draft?.state === "open") {
    // The final edit names the draft's event, so the draft has to be sent first.
    const due = await run(delivery.lane(turn));
    draft = await ledger.outboxRow(draftKey);
    if (draft?.state === "open") return waitForOut(needs, running, turn, due);
  }
  const rows = turn.reply && draft ? await delivery.rows(turn, turn.reply, draft.eventId) : [];
  if (rows.length > 0 && !(await ledger.queueOut(running.lease, rows))) return "rest";
  return send(needs, running, turn);
}

/** Runs the out lane; the turn is delivered when none of its rows is left there. */
async function send(needs: Needs, running: Running, turn: Turn): Promise<Next> {
  const lane = needs.delivery.lane(turn);
  const due = await needs.run(lane);
  const { lease, release } = running;
  const { isDelivered, next, isReleased } = await release(() => needs.ledger.markDelivered(lease, turn, lane));
  if (!isDelivered) return waitForOut(needs, running, turn, due);
  needs.log("turn_delivered", { turn: turn.id, agent: turn.agent });
  return isReleased ? "released" : { current: next };
}

/**
 * Puts the turn off until its out lane is due again: all the answers that an outage holds up would poll. A lane that another
 * runner has may be done any moment.
 */
const waitForOut = (needs: Needs, running: Running, turn: Turn, { dueAtMs, isTaken }: LaneDue): Promise<"rest"> =>
  putOff(needs, running, turn, isTaken ? 0 : dueAtMs);
