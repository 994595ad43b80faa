/** All experiments. */
import { identity, reading, refusals, repeats } from "./asking.ts";
import { echoes, redactedMeanwhile } from "./echoing.ts";
import { answers, half, hanging, invitation, outage, pauses, ping, retry, slow } from "./pushing.ts";
import { whenBusy, whenDown, whenIdle } from "./restarting.ts";
import type { Stage } from "./stage.ts";

/** In the order in which they run. Each is independent of the others. */
export const EXPERIMENTS: Record<string, (stage: Stage) => Promise<unknown>> = {
  identity,
  refusals,
  reading,
  invitation,
  answers,
  pauses,
  retry,
  outage,
  slow,
  ping,
  echoes,
  redactedMeanwhile,
  repeats,
  whenIdle,
  whenBusy,
  whenDown,
  hanging,
  half,
};
