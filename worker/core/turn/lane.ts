/** Lanes: the ordered lines of work, and how each is named. */

export type LaneKind = "room" | "session" | "out";
/** `room:<room id>`, `session:<key>`, `out:<ghost user id>|<room id>`. Carried by the doorbell, and nothing else is. */
export type LaneId = `${LaneKind}:${string}`;

/** The right to run a lane. Every write of a runner carries it; with a fence that is not the lane's any more it writes nothing. */
export interface Lease {
  lane: LaneId;
  fence: number;
}

/** The most events that a claim of a room lane reads. */
export const EVENTS_MAX = 50;
