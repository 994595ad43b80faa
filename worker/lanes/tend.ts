/**
 * What is looked after once a minute, on both hosts: that the homeserver is there and knows that we are, that no room
 * has a gap, and that what nobody needs any more is forgotten.
 */
import type { RoomId } from "#core/protocol/ids.ts";
import { roomLane } from "#core/turn/lane.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Retention } from "#ports/operator.ts";

interface Needs {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  doorbell: Doorbell;
  keep: Retention;
  /** Asks the homeserver to ask us; true when it could. It also ends its waiting after an outage of ours. */
  ping: () => Promise<boolean>;
  /** Reads back what a room is missing; how many events that were. */
  repair: (roomId: RoomId) => Promise<number>;
  /** Looks up again which rooms the configuration's aliases mean. */
  lookUpAliases: () => Promise<void>;
}

/** @see worker/ingress/ingress.ts, which sets it when the homeserver pings us. */
export const REPAIR_MARK = "repair";
const HOMESERVER_MARK = "homeserver";
const CURSOR_MARK = "repaired";

const PING_MS = 5 * 60_000;
const ACTIVE_ROOMS = 500;
/** Rooms that are compared each minute in which nothing seems to happen. */
const QUIET_ROOMS = 10;

/** How the homeserver was when it was last asked. */
export interface HomeserverState {
  reachable: boolean;
  /** Our clock, milliseconds since the epoch. */
  atMs: number;
}

/** `begun`: for the first time since this process began, which may have been away for any time. */
export async function tend(needs: Needs, begun?: "begun"): Promise<void> {
  const { ledger, clock, keep } = needs;
  const reachable = await look(needs, begun);
  if (reachable) {
    await needs.lookUpAliases();
    await repairRooms(needs);
  }
  await ledger.prune(clock.now(), keep);
}

/** Pings at times, and each time while there is no answer; an outage that ends asks for a repair. */
async function look({ ledger, clock, ping }: Needs, begun?: "begun"): Promise<boolean> {
  const before = begun ? undefined : await homeserverState(ledger);
  if (before?.reachable && clock.now() - before.atMs < PING_MS) return true;
  const reachable = await ping();
  const state: HomeserverState = { reachable, atMs: clock.now() };
  if (reachable && !before?.reachable) await ledger.setMark(REPAIR_MARK, "due");
  await ledger.setMark(HOMESERVER_MARK, JSON.stringify(state));
  return reachable;
}

export async function homeserverState(ledger: Ledger): Promise<HomeserverState | undefined> {
  const mark = await ledger.mark(HOMESERVER_MARK);
  return mark === undefined ? undefined : (JSON.parse(mark) as HomeserverState);
}

async function repairRooms(needs: Needs): Promise<void> {
  const { ledger } = needs;
  if ((await ledger.mark(REPAIR_MARK)) === "due") {
    // Before the work: a ping that comes meanwhile asks for another one.
    await ledger.setMark(REPAIR_MARK, "done");
    await repairAll(needs, await ledger.activeRooms(ACTIVE_ROOMS));
  }
  const cursor = (await ledger.mark(CURSOR_MARK)) ?? "";
  const quiet = await ledger.roomsAfter(cursor, QUIET_ROOMS);
  await repairAll(needs, quiet);
  await ledger.setMark(CURSOR_MARK, quiet.length < QUIET_ROOMS ? "" : (quiet.at(-1) ?? ""));
}

async function repairAll({ repair, doorbell, log }: Needs, rooms: readonly RoomId[]): Promise<void> {
  for (const room of rooms) {
    try {
      const missing = await repair(room);
      if (missing === 0) continue;
      log("gap_repaired", { room, events: missing });
      await doorbell.ring([roomLane(room)]);
    } catch (error) {
      // The next minute tries the next rooms; this one has its turn again.
      log("gap_unrepaired", { room, error: error instanceof Error ? error.message : String(error) });
    }
  }
}
