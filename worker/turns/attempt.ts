/**
 * One attempt at a turn: reads the backend's stream, and looks for controls at each ring of the lane, until there is an
 * answer, a failure or a stop.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Agent, BackendSpec } from "#core/configuration/agent.ts";
import { type AgentEnv, namesIn, refusedNames } from "#core/configuration/agent-env.ts";
import { err, messageOf, type Result } from "#core/result.ts";
import { refusalOf } from "#core/strings/agent-env.ts";
import type { Backend, Fetch, TurnContext, TurnEvent } from "#core/turn/backend.ts";
import type { LearntEntries } from "#core/turn/learnt.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Backends, SecretCipher } from "#ports/backends.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { Running } from "#ports/lanes.ts";
import type { ControlKind, LearntLedger, TurnLedger } from "#ports/turns.ts";
import { Arrivals } from "./arrivals.ts";
import { type ContextNeeds, contextFor } from "./context.ts";
import { learningOf } from "./learning.ts";
import { requestOf } from "./request.ts";
import { keepTyping } from "./typing.ts";
import { type Outcome, Words } from "./words.ts";

export interface AttemptNeeds extends ContextNeeds {
  ledger: ContextNeeds["ledger"] & Pick<TurnLedger, "controls"> & Pick<LearntLedger, "setLearnt">;
  delivery: Pick<Delivery, "draft">;
  backends: Backends;
  /** Decrypts the secrets in a backend's settings. */
  cipher: Pick<SecretCipher, "decrypt">;
  fetch: Fetch;
  /** Reads a variable of the operator's environment. */
  env: (name: string) => string | undefined;
  /** Which of these variables agents may read. */
  agentEnv: AgentEnv;
  /** How long this host can run a turn, in milliseconds. */
  turnMsMax: number;
}

/** How long a backend may take to stop before it is left alone. */
const STOPPING_MS = 2_000;

/** A turn of a long queue is rung for at each new message: the pause before it listens again grows by this with each ring. */
const RING_PAUSE_MS = 100;

export interface Attempted {
  outcome: Outcome;
  /** A draft of the turn was stored, by this attempt or an earlier one. */
  hasDraft: boolean;
}

/** Asks the turn's backend once. The draft and the typing notification are ended by the time it resolves. */
export async function attempt(
  needs: AttemptNeeds,
  running: Running,
  turn: Turn,
  { agent, learnt }: { agent: Agent; learnt: LearntEntries },
  intent: Pick<Intent, "userId" | "send">,
): Promise<Attempted> {
  const hadDraft = turn.shown !== undefined;
  const spec = await specOf(needs, agent);
  if (!spec.ok) return { outcome: notConfigured(spec.error), hasDraft: hadDraft };
  const backend = needs.backends.create(spec.value);
  if (!backend.ok) return { outcome: notConfigured(backend.error), hasDraft: hadDraft };

  const stop = new AbortController();
  const words = new Words();
  const draft = needs.delivery.draft(turn, running.lease, intent);
  const typing = keepTyping(needs.clock, intent, turn.roomId);
  const onText = backend.value.capabilities.streaming ? () => draft.show(() => words.visible) : () => undefined;
  const deadlines = deadlinesOf(agent, needs.turnMsMax);
  let outcome: Outcome;
  let hasDraft = hadDraft;
  try {
    const { history, context } = backend.value.capabilities;
    const surroundings = context ? await contextFor(needs, turn, agent, intent, history) : "";
    const stream = backend.value.startTurn(requestOf(needs.ledger, turn, agent, surroundings), {
      ...contextOf(needs, spec.value, deadlines, stop.signal),
      ...(await learningOf(needs, running, agent, learnt)),
    });
    outcome = await listen(needs, running, stream[Symbol.asyncIterator](), { turn, words, onText, stop, deadlines });
  } finally {
    stop.abort("over");
    hasDraft = (await draft.close()) === "stored" || hadDraft;
    await typing.end();
  }
  return { outcome, hasDraft };
}

const notConfigured = (detail: string): Outcome => ({
  kind: "failed",
  code: "not_configured",
  detail,
  retryable: false,
  shown: "",
});

type BackendNeeds = Pick<AttemptNeeds, "cipher" | "backends" | "agentEnv">;

/** The agent's backend. The error is for the log. */
export async function backendOf(needs: BackendNeeds, agent: Agent): Promise<Result<Backend, string>> {
  const spec = await specOf(needs, agent);
  return spec.ok ? needs.backends.create(spec.value) : spec;
}

/** The settings of the agent's backend, with its secrets decrypted. An error where they name what agents may not read. */
async function specOf(
  { cipher, agentEnv }: BackendNeeds,
  { id, backend }: Agent,
): Promise<Result<BackendSpec, string>> {
  const spec = await cipher.decrypt(backend, id);
  const refusal = spec.ok ? refusalOf(refusedNames(agentEnv, spec.value), agentEnv.patterns) : undefined;
  return refusal === undefined ? spec : err(refusal);
}

interface Deadlines {
  firstTextMs: number;
  turnMs: number;
}
const deadlinesOf = ({ turns }: Agent, turnMsMax: number): Deadlines => ({
  firstTextMs: turns.firstText * 1_000,
  turnMs: Math.min(turns.turnTime * 1_000, turnMsMax),
});

interface Listening {
  turn: Turn;
  deadlines: Deadlines;
  words: Words;
  onText: () => void;
  stop: AbortController;
}

type Arrival = { from: "stream"; result: IteratorResult<TurnEvent> } | { from: "ring" } | { from: "deadline" };

async function listen(
  needs: AttemptNeeds,
  running: Running,
  stream: AsyncIterator<TurnEvent>,
  on: Listening,
): Promise<Outcome> {
  const { clock } = needs;
  // Counted in what was slept: the clock may be set while the backend answers.
  let passedMs = 0;
  const arrivals = new Arrivals<Arrival>();
  const pull = () => arrivals.add(stream.next().then((result): Arrival => ({ from: "stream", result }), broken));
  const waitForDeadline = () => {
    const waitMs = deadlineMs(on) - passedMs;
    const over = clock.sleep(waitMs, on.stop.signal).then((): Arrival => {
      passedMs += waitMs;
      return { from: "deadline" };
    });
    void arrivals.add(over);
  };
  const ended = AbortSignal.any([on.stop.signal, running.lost]);
  let rings = 0;
  const listenForRing = () => {
    const pauseMs = Math.min(RING_PAUSE_MS * rings++, BOUNDS.ringPause.max);
    const heard = pauseMs === 0 ? running.rung() : clock.sleep(pauseMs, ended).then(() => running.rung());
    return arrivals.add(heard.then((): Arrival => ({ from: "ring" })));
  };
  let next = pull();
  waitForDeadline();
  void listenForRing();
  for (let events = 1; ; events++) {
    const arrival = await arrivals.take();
    if (arrival.from === "stream") {
      const outcome = hear(on, arrival.result);
      if (outcome) return outcome;
      // A backend in this process can give events without end and never wait.
      if (events % BOUNDS.streamEventsAtOnce.max === 0) await clock.sleep(0);
      next = pull();
      continue;
    }
    if (arrival.from === "ring") void listenForRing();
    else waitForDeadline();
    if (running.lost.aborted) return { kind: "interrupted", shown: on.words.visible };
    const asked = arrival.from === "ring" ? await controlsOf(needs, running, on.turn) : [];
    const ending = endingBy(asked, passedMs, on);
    if (!ending) continue;
    on.stop.abort();
    // The backend gets a moment to hang up. Its further events are dropped.
    await Promise.race([next, clock.sleep(STOPPING_MS)]);
    return { ...ending, shown: on.words.visible };
  }
}

/** A backend must not throw. One that does has lost its connection. */
const broken = (error: unknown): Arrival => ({
  from: "stream",
  result: {
    done: false,
    value: {
      type: "error",
      code: "disconnected",
      retryable: true,
      errorText: messageOf(error),
    },
  },
});

const LATE = { kind: "failed", code: "timeout", detail: "the turn's time is up", retryable: false } as const;
type Ending = typeof LATE | { kind: "stopped" } | { kind: "takenOver" };

function endingBy(controls: readonly ControlKind[], passedMs: number, on: Listening): Ending | undefined {
  if (controls.includes("stop")) return { kind: "stopped" };
  if (controls.includes("interrupt")) return { kind: "takenOver" };
  return passedMs < deadlineMs(on) ? undefined : LATE;
}

const controlsOf = ({ ledger }: AttemptNeeds, { lease }: Running, turn: Turn) => ledger.controls(lease, turn);

function hear({ words, onText }: Listening, result: IteratorResult<TurnEvent>): Outcome | undefined {
  const outcome = words.take(result);
  if (!outcome && words.isVisible) onText();
  return outcome;
}

/** How long the attempt may take; until its first text that is another time than afterwards. */
const deadlineMs = ({ deadlines: { firstTextMs, turnMs }, words }: Listening): number =>
  !words.hasText ? Math.min(firstTextMs, turnMs) : turnMs;

function contextOf(
  { clock, fetch, env }: AttemptNeeds,
  spec: BackendSpec,
  { firstTextMs, turnMs }: Deadlines,
  signal: AbortSignal,
): Omit<TurnContext, "learnt" | "learn"> {
  const named = new Set(namesIn(spec));
  return {
    signal,
    fetch,
    now: () => clock.now(),
    sleep: (ms) => clock.sleep(ms, signal),
    patienceMs: Math.min(firstTextMs, turnMs),
    // Whether these may be read was asked before.
    env: (name) => (named.has(name) ? env(name) : undefined),
  };
}
