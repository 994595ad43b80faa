/** Lanes: who may run one, what running one is given, and how it is rung for. */
import type { LaneId, Lease } from "#core/turn/lane.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { OpenOutboxRow } from "./delivery.ts";
import type { CurrentTurn } from "./turns.ts";

/** The oldest work of a lane, as it was when the lane was claimed. */
export type FirstWork =
  /** At most `BOUNDS.eventsAtOnce` of them. */
  | { kind: "room"; events: readonly WaitingEvent[] }
  | { kind: "session"; current: CurrentTurn | undefined }
  | { kind: "out"; row: OpenOutboxRow | undefined };

export interface Claimed extends Lease {
  first: FirstWork;
}

/** When a lane is to be run again, in milliseconds since the epoch. Without a time: at its next ring. */
export interface LaneDue {
  dueAtMs?: number;
  /** Another runner has the lane, and the time is when its lease has expired: the lane may be done any moment. */
  isTaken?: true;
}

/** `lost`: the lease is another runner's, or was released. `controls`: it is held, and its session has controls. */
export type Renewed = "held" | "controls" | "lost";

/** One run of a lane, as its work sees it. */
export interface Running {
  lease: Lease;
  /** Aborts when the run has to end: the lease was lost, so no further write counts, or the stopping pump releases it. */
  lost: AbortSignal;
  /**
   * Resolves at the next ring of this lane, also one since the claim that nobody heard; when `lost` aborts; and when a
   * renewal of the lease finds controls.
   */
  rung(): Promise<void>;
  /** Makes a write that may release the lease. The lease is not renewed during the write, nor after it was released. */
  release<T extends { isReleased: boolean }>(write: () => Promise<T>): Promise<T>;
}

/** Works off a lane. `released`: its last write found nothing left to do, and released the lease. */
export type Work<First = FirstWork> = (running: Running, first: First) => Promise<"released" | undefined>;

/** Runs a lane until nothing is due, unless another runner has its lease. Never rejects. */
export type RunLane = (lane: LaneId) => Promise<LaneDue>;

/** "Look at this lane." Lost, duplicate and reordered rings are harmless. Resolves when the ring is on its way. */
export interface Doorbell {
  ring(lanes: readonly LaneId[]): Promise<void>;
}

/** The right to run lanes, and which of them are due. */
export interface LaneLedger {
  /** Claims the lane for `ttlMs` and reads its oldest work; undefined while another runner has it. */
  claim(lane: LaneId, runner: string, nowMs: number, ttlMs: number): Promise<Claimed | undefined>;
  renew(lease: Lease, untilMs: number): Promise<Renewed>;
  /**
   * Releases the lease and, in the same batch, reads when the lane is due, in milliseconds since the epoch (in the past:
   * now). Undefined when nothing is open.
   */
  release(lease: Lease): Promise<number | undefined>;
  /** Voids every lease. Only for a host that knows that no other one runs. */
  voidLeases(): Promise<void>;
  /** Lanes that are due and have no living lease. */
  dueLanes(nowMs: number, limit: number): Promise<LaneId[]>;
}
