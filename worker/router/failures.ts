/**
 * What becomes of an event whose handling failed. It is tried again, later each time, and everything behind it in its room
 * waits for it. After five failures it is a dead letter, its verdict says so, and the room goes on.
 *
 * ```
 *  waiting ──failed──▶ put off ──due──▶ waiting
 *     │
 *     └──failed too often, or refused for good──▶ given up
 * ```
 *
 * While the homeserver answers nothing, nothing is counted: no event is to blame. While the database fails, the count
 * cannot be written either.
 */
import { BOUNDS } from "#core/bounds.ts";
import { grounds } from "#core/gate/evidence.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import { caught, messageOf } from "#core/result.ts";
import { backOffMs } from "#core/turn/back-off.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Standing } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Running } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { RoomProgress, Settled } from "#ports/rooms.ts";
import { cutError, Trouble } from "./rooms/trouble.ts";
import { NO_EFFECTS } from "./wake.ts";

export interface FailureNeeds {
  ledger: Pick<Ledger, "putOffEvent" | "settleAndNext">;
  clock: Clock;
  log: Log;
  standing: Standing;
  /** Between 0 and 1. */
  random: () => number;
}

interface Failed {
  waiting: WaitingEvent;
  error: unknown;
  /** The changes that the event itself makes. */
  changes: Partial<Settled> | undefined;
}

const PAUSES = { firstMs: 5_000, maxMs: BOUNDS.eventRetryPause.max };

/** Puts the event off, or gives it up. `undefined`: there is nothing to do in the room for now. */
export async function afterFailure(
  needs: FailureNeeds,
  running: Running,
  failed: Failed,
): Promise<RoomProgress | undefined> {
  const { ledger, clock, log, standing } = needs;
  const { waiting, error } = failed;
  const trouble = error instanceof Trouble ? error.error : undefined;
  const isOutage = trouble !== undefined && isPassing(trouble) && !(await standing.isWell());
  const failures = isOutage ? waiting.failures : waiting.failures + 1;
  const nowMs = clock.now();
  const again = isOutage || isWorthRetrying(failures, Math.abs(nowMs - waiting.receivedAtMs), error);
  log("event_failed", {
    eventId: waiting.event.event_id,
    room: waiting.event.room_id,
    failures,
    again,
    error: trouble ? messageOf(error) : stackOf(error),
  });
  if (!again) return giveUp(needs, running, failed, failures);
  const pauseMs = Math.max(backOffMs(failures, PAUSES, needs.random()), retryAfterMs(trouble?.retryAfterMs));
  await ledger.putOffEvent(running.lease, waiting, nowMs + pauseMs, isOutage ? "outage" : "failure");
  return undefined;
}

/** A request is retried for a while, a rate limit longest, because what it fails for may end. Any other error is ours. */
function isWorthRetrying(failures: number, ageMs: number, error: unknown): boolean {
  if (!(error instanceof Trouble)) return failures < BOUNDS.eventFailures.max;
  if (!isPassing(error.error)) return false;
  const patience = error.error.status === 429 ? BOUNDS.rateLimitPatience : BOUNDS.requestPatience;
  return failures < BOUNDS.eventFailures.max || ageMs < patience.max;
}

/** A homeserver may ask for more patience than we have. */
const retryAfterMs = (asked = 0): number => Math.min(asked, BOUNDS.requestPatience.max);

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

async function giveUp(
  { ledger, clock, log }: FailureNeeds,
  { lease, release }: Running,
  { waiting, error, changes }: Failed,
  failures: number,
): Promise<RoomProgress> {
  const { event } = waiting;
  const reason = `An event of ${event.room_id} could not be handled: ${cutError(messageOf(error))}`;
  log("dead_letter", { kind: "event", reason });
  const settled: Settled = {
    ...NO_EFFECTS,
    ...grounds("given_up", { failures, ...(error instanceof Trouble ? error.evidence : {}) }),
    members: [],
    deadLetter: { kind: "event", reason, raw: JSON.stringify(event), atMs: clock.now() },
  };
  const store = (more: Partial<Settled>) =>
    release(() => ledger.settleAndNext(lease, waiting, { ...settled, ...more }));
  // An invitation says that it is to a direct chat; nobody has seen that it is one.
  const members = (changes?.members ?? []).map((one) => ({ ...one, direct: false }));
  const stored = await caught(store({ ...changes, members }));
  // The changes themselves may be what cannot be stored.
  return stored.ok ? stored.value : store({});
}
