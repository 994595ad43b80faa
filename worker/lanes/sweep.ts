/** The sweep: rings for every lane that has something due and no living lease. It makes every lost ring harmless. */
import type { Clock } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";

/** More lanes than this are rung by the next sweep. */
const LANES_MAX = 1_000;

export async function sweep({
  ledger,
  doorbell,
  clock,
}: {
  ledger: Ledger;
  doorbell: Doorbell;
  clock: Clock;
}): Promise<number> {
  const lanes = await ledger.dueLanes(clock.now(), LANES_MAX);
  if (lanes.length > 0) await doorbell.ring(lanes);
  return lanes.length;
}
