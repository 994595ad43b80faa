/** Lanes: the ordered lines of work, and how each is named. */

export type LaneKind = "room" | "session" | "out";
/** `room:<room id>`, `session:<key>`, `out:<ghost user id>|<room id>`. Carried by the doorbell, and nothing else is. */
export type LaneId = `${LaneKind}:${string}`;
