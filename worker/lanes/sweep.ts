/** The sweep: rings every lane that is due and has no lease, which makes lost rings harmless. It also notes the time. */
import { BOUNDS } from "#core/bounds.ts";
import type { Clock } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import { noteTime } from "./time.ts";

/** Resolves to the number of lanes it rang. */
export async function sweep({
  ledger,
  doorbell,
  clock,
}: {
  ledger: Ledger;
  doorbell: Doorbell;
  clock: Clock;
}): Promise<number> {
  await noteTime(ledger, clock);
  const lanes = await ledger.dueLanes(clock.now(), BOUNDS.lanesASweep.max);
  if (lanes.length > 0) await doorbell.ring(lanes);
  return lanes.length;
}
