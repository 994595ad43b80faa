import type { Doorbell } from "#ports/lanes.ts";
import type { Pump } from "../../worker/lanes/pump.ts";

interface Needs {
  pump: Pump;
  /** Aborts when the process begins nothing more. */
  over: AbortSignal;
  /** A lane that is due later than this, in milliseconds, is left to the sweep. */
  sweepMs: number;
}
export declare function nodeDoorbell(needs: Needs): Doorbell;
