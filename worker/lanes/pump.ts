/**
 * The pump: runs a lane until nothing in it is due.
 *
 * ```
 *  ring ─▶ claim, first work ─▶ work ─▶ release, due? ─▶ claim ─▶ …
 * ```
 *
 * A lane has one runner in the world: the lease in SQL keeps others away, its fence voids the writes of a late one, and
 * the table of running lanes keeps a process from running a lane twice. The release asks in the same batch whether the
 * lane is due, so a writer that finds the lane taken can leave its row to the holder. Work whose last write finds nothing
 * left to do releases the lease in that write.
 */

import { messageOf } from "#core/result.ts";
import { spread } from "#core/turn/back-off.ts";
import { isDue } from "#core/turn/clocks.ts";
import { type LaneId, type LaneKind, type Lease, parseLane } from "#core/turn/lane.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Claimed, LaneDue, Renewed, RunLane, Running, Work } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";

/** A crashed runner's lane is free after this long. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
/** The pause after work that threw. */
const FAILED_MS = 4_000;
/** Work that leaves its lane due at once this often in a row makes no progress; it pauses. */
const ROUNDS_MAX = 100;
const TIRED_MS = 1_000;

/** The kinds of lanes that may begin while the pump stops: a turn that finishes waits for its out lane. */
const BEGINS_WHILE_STOPPING: Record<LaneKind, boolean> = { room: false, session: false, out: true };

interface Needs {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  /** The runner's name in leases. It may be kept over a restart only where two runners never share it. */
  runner: string;
  work: (run: RunLane) => Work;
  /** Between 0 and 1. */
  random: () => number;
  /** False when the host may soon end this runner: no further round begins, and the lane is run again later. */
  mayBegin?: (() => boolean) | undefined;
  /** False when this run has done as much as the host allows: no further round begins either. */
  mayGoOn?: (() => boolean) | undefined;
}

export interface Pump {
  run: RunLane;
  /** Wakes the lane where it runs in this process; false where it does not. */
  nudge(lane: LaneId): boolean;
  /**
   * Begins nothing more, lets running lanes finish for `graceMs`, then releases the leases of the others, so that a
   * successor goes on at once.
   */
  stop(graceMs: number): Promise<void>;
}

interface Entry {
  done: Promise<LaneDue>;
  /** A ring came during the run, so the lane is run once more. */
  again: boolean;
  /** Resolve the promises of `Running.rung`. */
  waiting: Array<() => void>;
  /** A ring came since the claim, and nobody waited for it. */
  isUnheard: boolean;
  /** Aborted at the end of the grace time, which ends the work. */
  handOver: AbortController;
}

/** A lane that is rung while it runs here is run once more; its promise is the same. */
export function createPump(needs: Needs): Pump {
  const running = new Map<LaneId, Entry>();
  let stopping = false;

  const run: RunLane = (lane) => {
    const already = running.get(lane);
    if (already) {
      already.again = true;
      return already.done;
    }
    const kind = parseLane(lane)?.kind;
    if (!kind) {
      // Stored or sent by a version that knows more kinds.
      needs.log("lane_failed", { lane, error: "this version knows no such lane" });
      return Promise.resolve({});
    }
    if (stopping && !BEGINS_WHILE_STOPPING[kind]) return Promise.resolve({});
    const handOver = new AbortController();
    const entry: Entry = { done: Promise.resolve({}), again: false, waiting: [], isUnheard: false, handOver };
    running.set(lane, entry);
    entry.done = runRounds(needs, run, lane, entry, () => running.delete(lane));
    return entry.done;
  };

  return {
    run,
    nudge(lane) {
      const entry = running.get(lane);
      if (!entry) return false;
      entry.again = true;
      wake(entry);
      return true;
    },
    async stop(graceMs) {
      stopping = true;
      const over = new AbortController();
      const all = () => Promise.all([...running.values()].map(({ done }) => done));
      await Promise.race([all(), needs.clock.sleep(graceMs, over.signal)]);
      over.abort("over");
      for (const entry of running.values()) {
        entry.handOver.abort("over");
        wake(entry);
      }
      await all();
    },
  };
}

function wake(entry: Entry): void {
  entry.isUnheard = entry.waiting.length === 0;
  for (const resolve of entry.waiting.splice(0)) resolve();
}

function rung(entry: Entry): Promise<void> {
  const { isUnheard } = entry;
  entry.isUnheard = false;
  return new Promise((resolve) => (isUnheard ? resolve() : entry.waiting.push(resolve)));
}

/**
 * Runs rounds until nothing is due. `leave` takes the lane off the table of running lanes synchronously after the last
 * round: an earlier ring has set `again`, a later one starts a new run.
 */
async function runRounds(needs: Needs, run: RunLane, lane: LaneId, entry: Entry, leave: () => void): Promise<LaneDue> {
  const { clock, log, random } = needs;
  const pause = (ms: number): LaneDue => ({ dueAtMs: clock.now() + spread(ms, random()) });
  let due: LaneDue | undefined;
  try {
    for (let round = 0; due === undefined && round < ROUNDS_MAX; round++) due = await oneRound(needs, run, lane, entry);
  } catch (error) {
    log("lane_failed", { lane, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    due = pause(FAILED_MS);
  }
  leave();
  return due ?? pause(TIRED_MS);
}

/** Undefined when the lane is to be run again at once. */
async function oneRound(needs: Needs, run: RunLane, lane: LaneId, entry: Entry): Promise<LaneDue | undefined> {
  const { ledger, clock, runner, random } = needs;
  // The claim reads what earlier rings were for.
  entry.isUnheard = false;
  const claimed = await ledger.claim(lane, runner, clock.now(), LEASE_MS);
  // The other runner sees due work when it releases. If it dies, its lease has expired by then.
  if (!claimed) return { dueAtMs: clock.now() + spread(LEASE_MS, random()), isTaken: true };
  const dueAtMs = await hold(needs, run, claimed, entry);
  const isOver = entry.handOver.signal.aborted || needs.mayBegin?.() === false || needs.mayGoOn?.() === false;
  const again = entry.again || (dueAtMs !== undefined && isDue(dueAtMs, clock.now()));
  if (again && !isOver) return undefined;
  return dueAtMs === undefined ? {} : { dueAtMs };
}

/** Works under the lease and releases it; resolves to when the lane is due. */
async function hold(needs: Needs, run: RunLane, claimed: Claimed, entry: Entry): Promise<number | undefined> {
  const { ledger, log, work } = needs;
  const { first, ...lease } = claimed;
  const lost = new AbortController();
  const renewal = keepRenewing(needs, lease, {
    onLost() {
      log("lease_lost", { lane: lease.lane });
      lost.abort("lost");
      wake(entry);
    },
    onControls: () => wake(entry),
  });
  const running: Running = {
    lease,
    lost: AbortSignal.any([lost.signal, entry.handOver.signal]),
    rung: () => rung(entry),
    async release(write) {
      await renewal.pause();
      // Rings up to here are covered: the write looks for due rows in the same batch.
      entry.again = false;
      let isReleased = false;
      try {
        const written = await write();
        ({ isReleased } = written);
        return written;
      } finally {
        if (!isReleased) renewal.resume();
      }
    },
  };
  let state: "released" | undefined;
  let dueAtMs: number | undefined;
  try {
    state = await work(run)(running, first);
  } finally {
    await renewal.end();
    if (state !== "released") {
      entry.again = false;
      dueAtMs = await ledger.release(lease);
    }
  }
  return dueAtMs;
}

interface Renewal {
  /** Resolves when no renewal is in flight. None begins before `resume`. */
  pause(): Promise<void>;
  /** A renewal that became due during the pause begins now. */
  resume(): void;
  end(): Promise<void>;
}

interface Renewing {
  onLost(): void;
  /** Another process, which could not ring here, has stored a control. */
  onControls(): void;
}

function keepRenewing({ ledger, clock, log }: Needs, lease: Lease, { onLost, onControls }: Renewing): Renewal {
  const over = new AbortController();
  let pause: PromiseWithResolvers<void> | undefined;
  let inFlight: Promise<Renewed> = Promise.resolve("held");
  const loop = (async () => {
    // From one begin to the next: one that hangs until the database's time-out is repeated before the lease ends.
    let due = clock.sleep(RENEW_MS, over.signal);
    for (;;) {
      await due;
      while (pause) await pause.promise;
      if (over.signal.aborted) return;
      due = clock.sleep(RENEW_MS, over.signal);
      // An error of the database does not mean that the lease is lost: it lasts for another try.
      inFlight = ledger.renew(lease, clock.now() + LEASE_MS).catch((error: unknown): Renewed => {
        log("renewal_failed", { lane: lease.lane, error: messageOf(error) });
        return "held";
      });
      const renewed = await inFlight;
      if (renewed === "lost") return onLost();
      if (renewed === "controls") onControls();
    }
  })();
  const resume = () => {
    pause?.resolve();
    pause = undefined;
  };
  return {
    async pause() {
      pause ??= Promise.withResolvers();
      await inFlight;
    },
    resume,
    async end() {
      over.abort("over");
      resume();
      await loop;
    },
  };
}
