/**
 * The pump: runs a lane until nothing in it is due.
 *
 * ```
 *  ring ─▶ claim ─▶ work ─▶ release, due? ─▶ claim ─▶ …
 * ```
 *
 * A lane has one runner in the world: the lease in SQL keeps others away, its fence makes a late one's writes nothing,
 * and within one process the table of running lanes keeps it from meeting itself. Whether there is more to do is asked
 * in one batch with the release, so that whoever stored something and found the lane taken can leave it to the holder.
 */

import type { LaneId, LaneKind } from "#core/turn/lane.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Idle, Lease, RunLane, Work } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";

/** A crashed runner's lane is free after this long. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
/** After work that threw: the same may be true a moment later, so not at once. */
const FAILED_MS = 5_000;
/** Work that leaves its lane due at once this often in a row makes no progress; it goes on a little later. */
const ROUNDS_MAX = 100;
const TIRED_MS = 1_000;

interface Needs {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  /** Unique to this runner; the same after its restart only if it knows that its former self is gone. */
  owner: string;
  work: (kind: LaneKind, run: RunLane) => Work;
  /** False where nothing more may be begun, because whoever runs this may soon be ended: the lane is run again later. */
  mayBegin?: (() => boolean) | undefined;
}

export interface Pump {
  run: RunLane;
  /** Tells a running lane to look up. True when there was one. */
  nudge(lane: LaneId): boolean;
  /**
   * Begins nothing more, lets what runs come to its end for `graceMs`, and hands the rest over: their leases are let go,
   * so that a successor goes on at once.
   */
  stop(graceMs: number): Promise<void>;
}

interface Entry {
  done: Promise<Idle>;
  again: boolean;
  waiting: Array<() => void>;
  /** Takes the lane from whoever works on it. */
  handOver: AbortController;
}

export function createPump(needs: Needs): Pump {
  const running = new Map<LaneId, Entry>();
  let stopping = false;

  const run: RunLane = (lane) => {
    const already = running.get(lane);
    if (already) {
      already.again = true;
      return already.done;
    }
    // A reply on its way is sent all the same: its turn is what has to come to its end.
    if (stopping && kindOf(lane) !== "out") return Promise.resolve({ idle: true });
    const handOver = new AbortController();
    const entry: Entry = { done: Promise.resolve({ idle: true }), again: false, waiting: [], handOver };
    running.set(lane, entry);
    entry.done = turnOver(needs, run, lane, entry, () => running.delete(lane));
    return entry.done;
  };

  return {
    run,
    nudge(lane) {
      const entry = running.get(lane);
      if (!entry) return false;
      entry.again = true;
      for (const wake of entry.waiting.splice(0)) wake();
      return true;
    },
    async stop(graceMs) {
      stopping = true;
      const over = new AbortController();
      const all = () => Promise.all([...running.values()].map(({ done }) => done));
      await Promise.race([all(), needs.clock.sleep(graceMs, over.signal)]);
      over.abort("over");
      for (const { handOver, waiting } of running.values()) {
        handOver.abort("over");
        for (const wake of waiting.splice(0)) wake();
      }
      await all();
    },
  };
}

/**
 * `leave` takes the lane off the table in the same breath as the last look at it: a ring that comes later starts a new
 * run, one that came during the look is seen in `again`.
 */
async function turnOver(needs: Needs, run: RunLane, lane: LaneId, entry: Entry, leave: () => void): Promise<Idle> {
  const { clock, log } = needs;
  let idle: Idle | undefined;
  try {
    for (let round = 0; idle === undefined && round < ROUNDS_MAX; round++)
      idle = await oneRound(needs, run, lane, entry);
  } catch (error) {
    log("lane_failed", { lane, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    idle = { idle: true, dueAtMs: clock.now() + FAILED_MS };
  }
  leave();
  return idle ?? { idle: true, dueAtMs: clock.now() + TIRED_MS };
}

/** Undefined when the lane is to be run again at once. */
async function oneRound(needs: Needs, run: RunLane, lane: LaneId, entry: Entry): Promise<Idle | undefined> {
  const { ledger, clock, owner } = needs;
  const lease = await ledger.claim(lane, owner, clock.now(), LEASE_MS);
  // Somebody else runs it and will look again as it lets go; should it die, its lease runs out by then.
  if (!lease) return { idle: true, dueAtMs: clock.now() + LEASE_MS };
  const dueAtMs = await hold(needs, run, lease, entry);
  const isOver = entry.handOver.signal.aborted || needs.mayBegin?.() === false;
  const isDue = entry.again || (dueAtMs !== undefined && dueAtMs <= clock.now());
  if (isDue && !isOver) return undefined;
  return dueAtMs === undefined ? { idle: true } : { idle: true, dueAtMs };
}

/** Works under the lease and lets it go; resolves to when the lane is due. */
async function hold(needs: Needs, run: RunLane, lease: Lease, entry: Entry): Promise<number | undefined> {
  const { ledger, clock, log, work } = needs;
  const lost = new AbortController();
  const over = new AbortController();
  const renewing = renew(ledger, clock, lease, over.signal, () => {
    log("lease_lost", { lane: lease.lane });
    lost.abort("lost");
  });
  const rung = () => new Promise<void>((resolve) => entry.waiting.push(resolve));
  let dueAtMs: number | undefined;
  try {
    const taken = AbortSignal.any([lost.signal, entry.handOver.signal]);
    await work(kindOf(lease.lane), run)({ lease, lost: taken, rung });
  } finally {
    over.abort("over");
    await renewing;
    // What was stored before a ring that came by now is seen in the look that goes with the release.
    entry.again = false;
    dueAtMs = await ledger.release(lease);
  }
  return dueAtMs;
}

async function renew(ledger: Ledger, clock: Clock, lease: Lease, over: AbortSignal, lost: () => void): Promise<void> {
  for (;;) {
    await clock.sleep(RENEW_MS, over);
    if (over.aborted) return;
    try {
      if (await ledger.renew(lease, clock.now() + LEASE_MS)) continue;
    } catch {
      // The database is away. The lease lasts two more tries; then it is somebody else's.
      continue;
    }
    return lost();
  }
}

function kindOf(lane: LaneId): LaneKind {
  if (lane.startsWith("room:")) return "room";
  return lane.startsWith("session:") ? "session" : "out";
}
