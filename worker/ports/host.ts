/** The clock and the log, which each host provides. */
import type { Json } from "#core/protocol/event.ts";

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Resolves after `ms`, or at once when `signal` aborts; never rejects. Long work waits for `sleep(0)` now and then, so that
   * other work goes on.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** How far the system's clock has jumped, in milliseconds, while that is not believed; 0 otherwise. */
  jumpMs?(): number;
}

/** How the last writes ended that are known of. It lasts as long as the host's process or isolate. */
export interface Writes {
  last?: { ok: boolean; atMs: number };
  /** How many transactions were answered with an error of ours since the last one that was not. */
  refused?: number;
  /** The homeserver was asked to repeat them at once. */
  isAskedToRepeat?: boolean;
}

/** Writes one line. Events are a closed list; `observe/log.ts` removes secrets from the fields. */
export type Log = (event: LogEvent, fields?: Record<string, Json | undefined>) => void;

export type LogEvent =
  | "started"
  | "homeserver_capabilities"
  | "homeserver_unreachable"
  | "transaction"
  | "dead_letter"
  | "row_unreadable"
  | "row_mended"
  | "event_dropped"
  | "event_failed"
  | "gap_repaired"
  | "gap_unrepaired"
  | "ping_failed"
  | "sweep_failed"
  | "tend_failed"
  | "agent_may_not_speak"
  | "room_found"
  | "user_uncompared"
  | "joined"
  | "join_failed"
  | "invitations_refused"
  | "ghost_failed"
  | "ghost_made_anew"
  | "turn_started"
  | "turn_answered"
  | "backend_learnt"
  | "turn_failed"
  | "turn_delivered"
  | "send_retried"
  | "edit_skipped"
  | "lane_failed"
  | "lease_lost"
  | "renewal_failed"
  | "ring_given_up"
  | "agents_applied"
  | "variables_not_listed"
  | "files_not_private"
  | "request_failed";
