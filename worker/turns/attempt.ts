/**
 * One attempt at a turn: reads the backend's stream, and looks for controls at each ring of the lane, until there is an
 * answer, a failure or a stop.
 */
import type { Agent, BackendSpec } from "#core/configuration/agent.ts";
import { type AgentEnv, namesIn, refusedNames } from "#core/configuration/agent-env.ts";
import { err, messageOf, type Result } from "#core/result.ts";
import { refusalOf } from "#core/strings/agent-env.ts";
import type { Backend, Fetch, TurnContext, TurnEvent } from "#core/turn/backend.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Backends, SecretCipher } from "#ports/backends.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { Running } from "#ports/lanes.ts";
import type { ControlKind, TurnLedger } from "#ports/turns.ts";
import { type ContextNeeds, contextFor } from "./context.ts";
import { requestOf } from "./request.ts";
import { keepTyping } from "./typing.ts";
import { type Outcome, Words } from "./words.ts";

export interface AttemptNeeds extends ContextNeeds {
  ledger: ContextNeeds["ledger"] & Pick<TurnLedger, "controls">;
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
  agent: Agent,
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
  const onText = backend.value.capabilities.streaming ? (text: string) => draft.show(text) : () => undefined;
  let outcome: Outcome;
  let hasDraft = hadDraft;
  try {
    const { history, context } = backend.value.capabilities;
    const surroundings = context ? await contextFor(needs, turn, agent, intent, history) : "";
    const stream = backend.value.startTurn(
      requestOf(needs.ledger, turn, agent, surroundings),
      contextOf(needs, spec.value, stop.signal),
    );
    const deadlines = deadlinesOf(agent, needs.turnMsMax);
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
  onText: (text: string) => void;
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
  const startedAtMs = clock.now();
  const pull = () => stream.next().then((result): Arrival => ({ from: "stream", result }), broken);
  const untilDeadline = () =>
    clock
      .sleep(deadlineMs(on) - (clock.now() - startedAtMs), on.stop.signal)
      .then((): Arrival => ({ from: "deadline" }));
  const listenForRing = () => running.rung().then((): Arrival => ({ from: "ring" }));
  let [next, deadline, ring] = [pull(), untilDeadline(), listenForRing()];
  for (;;) {
    const arrival = await Promise.race([next, ring, deadline]);
    if (arrival.from === "stream") {
      const outcome = on.words.take(arrival.result);
      if (outcome) return outcome;
      on.onText(on.words.visible);
      next = pull();
      continue;
    }
    if (arrival.from === "ring") ring = listenForRing();
    else deadline = untilDeadline();
    if (running.lost.aborted) return { kind: "interrupted", shown: on.words.visible };
    const asked = arrival.from === "ring" ? endingBy(await needs.ledger.controls(running.lease, on.turn)) : undefined;
    const ending = asked ?? (clock.now() - startedAtMs < deadlineMs(on) ? undefined : LATE);
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

function endingBy(controls: readonly ControlKind[]): Ending | undefined {
  if (controls.includes("stop")) return { kind: "stopped" };
  return controls.includes("interrupt") ? { kind: "takenOver" } : undefined;
}

/** How long the attempt may take; until its first text that is another time than afterwards. */
const deadlineMs = ({ deadlines: { firstTextMs, turnMs }, words }: Listening): number =>
  words.text.trim() === "" ? Math.min(firstTextMs, turnMs) : turnMs;

function contextOf({ clock, fetch, env }: AttemptNeeds, spec: BackendSpec, signal: AbortSignal): TurnContext {
  const named = new Set(namesIn(spec));
  return {
    signal,
    fetch,
    now: () => clock.now(),
    sleep: (ms) => clock.sleep(ms, signal),
    // Whether these may be read was asked before.
    env: (name) => (named.has(name) ? env(name) : undefined),
  };
}
