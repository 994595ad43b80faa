/** Limits before every call of a backend: turns of a sender and of a room, turns that run at once, messages that wait. */
import { BOUNDS } from "#core/bounds.ts";
import type { Agent } from "#core/configuration/agent.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Clock } from "#ports/host.ts";
import type { Running } from "#ports/lanes.ts";
import type { Bucket, TurnLedger } from "#ports/turns.ts";

export interface Limits {
  /** Turns of one sender, and in one room, per minute; 0 means no limit. */
  senderPerMinute: number;
  roomPerMinute: number;
  /** Turns of all agents that run at the same time. */
  turnsAtOnce: number;
}

/** The pause before a turn that found no free place tries again. */
const FULL_MS = 1_000;

export interface LimitNeeds {
  ledger: Pick<TurnLedger, "startAttempt">;
  clock: Clock;
  limits: Limits;
  delivery: Pick<Delivery, "lane">;
}

/** Starts the attempt in the ledger and gives 0, or gives the time to wait in milliseconds. */
export async function startWithinLimits(
  { ledger, clock, limits, delivery }: LimitNeeds,
  { lease }: Pick<Running, "lease">,
  turn: Turn,
  agent: Agent,
): Promise<number> {
  const started = await ledger.startAttempt(lease, turn, {
    agent: agent.turns.turnsAtOnce,
    all: limits.turnsAtOnce,
    out: { lane: delivery.lane(turn), depth: BOUNDS.outDepth.max },
    // Each turn takes its tokens once, however often its backend is asked.
    buckets: turn.attempt === 0 ? bucketsOf(limits, turn) : [],
    nowMs: clock.now(),
  });
  if (started === "started") return 0;
  return typeof started === "object" ? started.tokensInMs : FULL_MS;
}

const bucketsOf = ({ senderPerMinute, roomPerMinute }: Limits, { prompt, roomId }: Turn): Bucket[] =>
  [
    { key: `sender:${prompt.sender}`, perMinute: senderPerMinute },
    { key: `room:${roomId}`, perMinute: roomPerMinute },
  ].filter(({ perMinute }) => perMinute > 0);
