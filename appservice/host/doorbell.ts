/** The doorbell of one process: a ring is a function call, and a lane runs in the thread that rang. */
import { stat } from "node:fs";
import { type LaneId, type LaneKind, parseLane } from "#core/turn/lane.ts";
import type { Clock } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { Pump } from "../../worker/lanes/pump.ts";

interface Needs {
  pump: Pump;
  /** The clock that lanes are due by. */
  clock: Clock;
  /** Aborts when the process begins nothing more. */
  over: AbortSignal;
  /** A lane that is due later than this, in milliseconds, is left to the sweep. */
  sweepMs: number;
}

export function nodeDoorbell(needs: Needs): Doorbell {
  return {
    async ring(lanes) {
      begin(needs, lanes);
      // A lane that rings others yields until they have sent their requests, since the database blocks this thread. The
      // homeserver's door rings rooms only, and does not yield: the homeserver waits for its answer.
      if (!lanes.every(isRungByTheDoor)) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** The kinds of lanes that the homeserver's door rings. The others are rung by lanes. */
const RUNG_BY_THE_DOOR: Record<LaneKind, boolean> = { room: true, session: false, out: false };

function isRungByTheDoor(lane: LaneId): boolean {
  const kind = parseLane(lane)?.kind;
  return kind !== undefined && RUNG_BY_THE_DOOR[kind];
}

/** A batch for many rooms is not urgent. */
const MANY_ROOMS_MS = 3;

/** Rooms run after the homeserver has its answer. The other lanes are rung by lanes, and run at once. */
function begin(needs: Needs, lanes: readonly LaneId[]): void {
  const { pump, over } = needs;
  for (const lane of lanes) {
    if (pump.nudge(lane) || over.aborted) continue;
    const run = () => void runFor(needs, lane);
    if (!isRungByTheDoor(lane)) run();
    else if (lanes.length > 1) setTimeout(run, MANY_ROOMS_MS);
    else afterAnswer(run);
  }
}

/**
 * A room lane that ran at once would delay the homeserver's 200, since the database blocks this thread. To have written
 * the 200 is not enough: on Linux the woken reader is scheduled on our core. One trip through the thread pool lets it run
 * first.
 */
function afterAnswer(run: () => void): void {
  setImmediate(() => stat(".", run));
}

async function runFor(needs: Needs, lane: LaneId): Promise<void> {
  const { dueAtMs } = await needs.pump.run(lane);
  if (dueAtMs === undefined) return;
  const waitMs = dueAtMs - needs.clock.now();
  if (waitMs > needs.sweepMs) return;
  await needs.clock.sleep(waitMs, needs.over);
  begin(needs, [lane]);
}
