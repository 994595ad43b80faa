/** What stands before every call of a backend: shares of senders and rooms, how many turns run at a time, and how much waits to be sent. */
import type { Agent } from "#core/configuration/agent.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Clock } from "#ports/host.ts";
import type { Running } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Bucket } from "#ports/turns.ts";

export interface Limits {
  /** Turns a minute of one sender, and of one room; 0 is without limit. */
  senderPerMinute: number;
  roomPerMinute: number;
  /** Turns of all agents that run at the same time. */
  turnsAtOnce: number;
}

/** A reply has as many parts as it takes; this is many replies that nobody could send. */
const OUT_DEPTH_MAX = 50;

/** How soon a turn that found no place looks again. */
const FULL_MS = 1_000;

/** Starts the attempt in the ledger: 0 when it may go on, otherwise how long it has to wait, in milliseconds. */
export async function mayStart(
  { ledger, clock, limits, delivery }: { ledger: Ledger; clock: Clock; limits: Limits; delivery: Delivery },
  { lease }: Running,
  turn: Turn,
  agent: Agent,
): Promise<number> {
  const nowMs = clock.now();
  // A question is paid for once, however often its backend has to be asked.
  const buckets = turn.attempt === 0 ? bucketsOf(limits, turn) : [];
  const waitMs = await ledger.takeTokens(buckets, nowMs);
  if (waitMs > 0) return waitMs;
  const out = { lane: delivery.lane(turn), depth: OUT_DEPTH_MAX };
  const caps = { agent: agent.turns.turnsAtOnce, all: limits.turnsAtOnce, out, nowMs };
  if ((await ledger.startAttempt(lease, turn, caps)) === "started") return 0;
  await ledger.returnTokens(buckets);
  return FULL_MS;
}

const bucketsOf = ({ senderPerMinute, roomPerMinute }: Limits, { prompt, roomId }: Turn): Bucket[] =>
  [
    { key: `sender:${prompt.sender}`, perMinute: senderPerMinute },
    { key: `room:${roomId}`, perMinute: roomPerMinute },
  ].filter(({ perMinute }) => perMinute > 0);
