/** Limits before every call of a backend: turns of a sender and of a room, turns that run at once, messages that wait. */
import { BOUNDS } from "#core/bounds.ts";
import type { Agent } from "#core/configuration/agent.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Clock } from "#ports/host.ts";
import type { Running } from "#ports/lanes.ts";
import type { NotStarted, TurnBucket, TurnLedger } from "#ports/turns.ts";

export interface Limits {
  /** Turns of one sender, and in one room, per minute; 0 means no limit. */
  senderPerMinute: number;
  roomPerMinute: number;
  /** Turns of all agents that run at the same time. */
  turnsAtOnce: number;
}

export interface LimitNeeds {
  ledger: Pick<TurnLedger, "startAttempt">;
  clock: Clock;
  limits: Limits;
  delivery: Pick<Delivery, "lane">;
  /** Between 0 and 1. */
  random: () => number;
}

/** Starts the attempt in the ledger, or has the turn wait there. */
export function startWithinLimits(
  { ledger, clock, limits, delivery, random }: LimitNeeds,
  { lease }: Pick<Running, "lease">,
  turn: Turn,
  agent: Agent,
): Promise<"started" | NotStarted> {
  const nowMs = clock.now();
  // Rows from before migration 0001 have `askedAtMs` 0.
  const askedAtMs = turn.askedAtMs > 0 ? turn.askedAtMs : nowMs;
  return ledger.startAttempt(lease, turn, {
    agent: agent.turns.turnsAtOnce,
    all: limits.turnsAtOnce,
    out: { lane: delivery.lane(turn), depth: BOUNDS.outDepth.max },
    buckets: bucketsOf(limits, turn, random()),
    lateAtMs: askedAtMs + agent.turns.replyAge * 1_000 + 1,
    nowMs,
  });
}

const MINUTE_MS = 60_000;
/** Added to the wait for a token, as a part of the time in which one flows in: those that wait keep their order. */
const SPREAD = 0.25;

/** Each turn takes its tokens once, however often its backend is asked: while it waits for one, it has those before. */
function bucketsOf({ senderPerMinute, roomPerMinute }: Limits, turn: Turn, random: number): TurnBucket[] {
  if (turn.attempt > 0) return [];
  const buckets = [
    { key: `sender:${turn.prompt.sender}`, perMinute: senderPerMinute },
    { key: `room:${turn.roomId}`, perMinute: roomPerMinute },
  ];
  const at = buckets.findIndex(({ key }) => key === turn.waitsFor);
  if (turn.waitsFor !== undefined && at < 0) return [];
  return buckets
    .slice(Math.max(at, 0))
    .filter(({ perMinute }) => perMinute > 0)
    .map((bucket) => ({ ...bucket, spreadMs: Math.round((SPREAD * random * MINUTE_MS) / bucket.perMinute) }));
}
