/**
 * One attempt at a turn: the backend's stream, the lane's ring and a timer, whichever comes first, until there is an
 * answer, a failure or a stop.
 */
import type { Agent } from "#core/configuration/agent.ts";
import { isOwnSecret } from "#core/configuration/environment.ts";
import type { Result } from "#core/result.ts";
import type { Backend, Fetch, TurnContext, TurnEvent } from "#core/turn/backend.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Backends, SecretCipher } from "#ports/backends.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Ghosts, Intent } from "#ports/homeserver.ts";
import type { Running } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { ControlKind } from "#ports/turns.ts";
import { type ContextNeeds, contextFor } from "./context.ts";
import { requestOf } from "./request.ts";
import { keepTyping } from "./typing.ts";
import { type Outcome, Words } from "./words.ts";

export interface AttemptNeeds extends ContextNeeds {
  ledger: Ledger;
  delivery: Delivery;
  ghosts: Ghosts;
  backends: Backends;
  /** Opens what of a backend's settings is kept under lock. */
  cipher: SecretCipher;
  fetch: Fetch;
  /** A variable of the operator's environment. */
  env: (name: string) => string | undefined;
  /** What this host can run a turn for at most. */
  turnMsMax: number;
}

/** Where a ring cannot reach a runner, it looks this often. */
const LOOK_MS = 1_000;
/** A backend that was told to stop is left alone after this. */
const STOPPING_MS = 2_000;

export async function attempt(
  needs: AttemptNeeds,
  running: Running,
  turn: Turn,
  agent: Agent,
  intent: Intent,
): Promise<Outcome> {
  const backend = await backendOf(needs, agent);
  if (!backend.ok)
    return { kind: "failed", code: "not_configured", detail: backend.error, retryable: false, shown: "" };

  const stop = new AbortController();
  const words = new Words();
  const draft = needs.delivery.draft(turn, running, intent);
  const typing = keepTyping(needs.clock, intent, turn.roomId);
  const onText = backend.value.capabilities.streaming ? (text: string) => draft.show(text) : () => undefined;
  try {
    const { history } = backend.value.capabilities;
    const request = requestOf(needs.ledger, turn, agent, await contextFor(needs, turn, agent, intent, history));
    const stream = backend.value.startTurn(request, contextOf(needs, stop.signal));
    const deadlines = deadlinesOf(agent, needs.turnMsMax);
    return await listen(needs, running, stream[Symbol.asyncIterator](), { turn, words, onText, stop, deadlines });
  } finally {
    stop.abort("over");
    await draft.close();
    await typing.end();
  }
}

/** The agent's backend, its secrets opened. */
export async function backendOf(
  { cipher, backends }: Pick<AttemptNeeds, "cipher" | "backends">,
  { id, backend }: Agent,
): Promise<Result<Backend, string>> {
  const spec = await cipher.decrypt(backend, id);
  return spec.ok ? backends.make(spec.value) : spec;
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

type News = { from: "stream"; result: IteratorResult<TurnEvent> } | { from: "ring" } | { from: "timer" };

async function listen(
  needs: AttemptNeeds,
  running: Running,
  stream: AsyncIterator<TurnEvent>,
  on: Listening,
): Promise<Outcome> {
  const { clock } = needs;
  const startedAtMs = clock.now();
  const pull = () => stream.next().then((result): News => ({ from: "stream", result }), broken);
  const look = () => clock.sleep(LOOK_MS, on.stop.signal).then((): News => ({ from: "timer" }));
  const listenForRing = () => running.rung().then((): News => ({ from: "ring" }));
  let [next, tick, ring] = [pull(), look(), listenForRing()];
  for (;;) {
    const news = await Promise.race([next, ring, tick]);
    if (news.from === "stream") {
      const outcome = on.words.take(news.result);
      if (outcome) return outcome;
      on.onText(on.words.visible);
      next = pull();
      continue;
    }
    if (news.from === "ring") ring = listenForRing();
    else tick = look();
    if (running.lost.aborted) return { kind: "interrupted", shown: on.words.visible };
    const told = await needs.ledger.takeControls(running.lease, on.turn);
    const ending = endingOf(told, clock.now() - startedAtMs, on);
    if (!ending) continue;
    on.stop.abort();
    // The backend gets a moment to hang up; what it still says is not awaited.
    await Promise.race([next, clock.sleep(STOPPING_MS)]);
    return { ...ending, shown: on.words.visible };
  }
}

/** A backend never throws; one that does has broken its promise and its connection. */
const broken = (error: unknown): News => ({
  from: "stream",
  result: {
    done: false,
    value: {
      type: "error",
      code: "disconnected",
      retryable: true,
      errorText: error instanceof Error ? error.message : String(error),
    },
  },
});

const LATE = { kind: "failed", code: "timeout", detail: "the turn's time is up", retryable: false } as const;
function endingOf(told: readonly ControlKind[], ms: number, on: Listening) {
  if (told.includes("stop")) return { kind: "stopped" } as const;
  if (told.includes("interrupt")) return { kind: "takenOver" } as const;
  return isLate(ms, on) ? LATE : undefined;
}

const isLate = (ms: number, { deadlines, words }: Listening): boolean =>
  ms > deadlines.turnMs || (words.text.trim() === "" && ms > deadlines.firstTextMs);

function contextOf({ clock, fetch, env }: AttemptNeeds, signal: AbortSignal): TurnContext {
  return {
    signal,
    fetch,
    now: () => clock.now(),
    sleep: (ms) => clock.sleep(ms, signal),
    // Who writes agents must not be able to read the bridge's own tokens out through them.
    env: (name) => (isOwnSecret(name) ? undefined : env(name)),
  };
}
