/** Grants the places that no write has: a process died before it, its version knows none, or more turns may run now. */
import { BOUNDS } from "#core/bounds.ts";
import { sessionLane } from "#core/turn/lane.ts";
import type { Clock } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";

export interface PlaceNeeds {
  ledger: Ledger;
  clock: Clock;
  doorbell: Doorbell;
  /** How many turns of all agents may run at the same time. */
  turnsAtOnce: number;
  /** False when this run has done as much as the host allows. */
  mayGoOn?: (() => boolean) | undefined;
}

export async function grantMissed({ ledger, clock, doorbell, turnsAtOnce, mayGoOn }: PlaceNeeds): Promise<void> {
  for (const line of await ledger.lines(turnsAtOnce, BOUNDS.linesAtOnce.max)) {
    if (mayGoOn?.() === false) return;
    const agent = await ledger.agent(line.agent, line.roomId);
    // The turns of a retired agent only end.
    const places = agent?.turns.turnsAtOnce ?? turnsAtOnce;
    if (places !== line.places) await ledger.setPlaces(line, places);
  }
  for (let round = 0; round < turnsAtOnce && mayGoOn?.() !== false; round++) {
    const granted = await ledger.grantPlaces(clock.now());
    if (granted.length === 0) return;
    await doorbell.ring(granted.map(sessionLane));
  }
}
