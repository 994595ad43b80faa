/** Lanes: who may run one, what running one is given, and how it is rung for. */
import type { LaneId } from "#core/turn/lane.ts";

/** The right to run a lane. Every write of a runner carries it; with a fence that is not the lane's any more it writes nothing. */
export interface Lease {
  lane: LaneId;
  fence: number;
}

/** When a lane is to be run again, in milliseconds since the epoch; without a time when it is rung. */
export interface LaneDue {
  dueAtMs?: number;
}

/** One run of a lane, as its work sees it. */
export interface Running {
  lease: Lease;
  /** Aborts when the lease was lost: no write of this run counts any more. */
  lost: AbortSignal;
  /** Resolves at the next ring of this lane. */
  rung(): Promise<void>;
}

/** Works off a lane. It returns nothing: the ledger knows whether the lane is due again. */
export type Work = (running: Running) => Promise<void>;

/** Runs a lane until nothing is due, unless another runner has its lease. Never rejects. */
export type RunLane = (lane: LaneId) => Promise<LaneDue>;

/** "Look at this lane." Lost, duplicate and reordered rings are harmless. Resolves when the ring is on its way. */
export interface Doorbell {
  ring(lanes: readonly LaneId[]): Promise<void>;
}

/** The right to run lanes, and which of them are due. */
export interface LaneLedger {
  claim(lane: LaneId, runner: string, nowMs: number, ttlMs: number): Promise<Lease | undefined>;
  renew(lease: Lease, untilMs: number): Promise<boolean>;
  /** Lets go, and in the same look says when the lane is due (milliseconds; in the past: now); undefined when nothing is open. */
  release(lease: Lease): Promise<number | undefined>;
  /** Voids every lease: only for a host that knows itself to be alone. */
  voidLeases(): Promise<void>;
  /** Lanes that are due and have no living lease. */
  dueLanes(nowMs: number, limit: number): Promise<LaneId[]>;
}
