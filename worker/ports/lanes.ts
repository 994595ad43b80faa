/** Lanes: who may run one, what running one is given, and how it is rung for. */
import type { LaneId } from "#core/turn/lane.ts";

/** The right to run a lane. Every write of a runner names it; with a fence that is no longer the lane's it writes nothing. */
export interface Lease {
  lane: LaneId;
  fence: number;
}

/** What running a lane ended with: nothing left, or something that is due later (milliseconds since the epoch). */
export type Idle = { idle: true; dueAtMs?: number };

/** What a lane's work is given. */
export interface Running {
  lease: Lease;
  /** Aborts when the lease was lost: whatever is still done then is written nowhere. */
  lost: AbortSignal;
  /** Resolves at the next ring of this lane. */
  rung(): Promise<void>;
}

/** What is left, and when, the pump reads off the ledger as it lets the lane go. */
export type Work = (running: Running) => Promise<void>;

/** Runs a lane until nothing is due, if the lease can be had; says when to come back. One runner per lane in the world. */
export type RunLane = (lane: LaneId) => Promise<Idle>;

/** "Look at this lane." Losing, doubling or reordering rings is harmless. Resolves when the ring is on its way. */
export interface Doorbell {
  ring(lanes: readonly LaneId[]): Promise<void>;
}

/** The right to run lanes, and which of them are due. */
export interface LaneLedger {
  claim(lane: LaneId, owner: string, nowMs: number, ttlMs: number): Promise<Lease | undefined>;
  renew(lease: Lease, untilMs: number): Promise<boolean>;
  /** Lets go, and in the same look says when the lane is due (milliseconds; in the past: now); undefined when nothing is open. */
  release(lease: Lease): Promise<number | undefined>;
  /** Voids every lease: only for a host that knows itself to be alone. */
  voidLeases(): Promise<void>;
  /** Lanes that are due and have no living lease. */
  dueLanes(nowMs: number, limit: number): Promise<LaneId[]>;
}
