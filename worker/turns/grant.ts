/** Rings for turns that were granted a place. A lost ring is made up for by the sweep: the turns are due. */
import { type LaneId, sessionLane } from "#core/turn/lane.ts";
import type { Granted } from "#ports/turns.ts";

export interface Rings {
  /** Rings lanes. Resolves when the rings are on their way. */
  ring: (lanes: readonly LaneId[]) => Promise<void>;
}

export async function ringFor({ ring }: Rings, granted: Granted): Promise<void> {
  if (granted && granted.length > 0) await ring(granted.map(sessionLane));
}
