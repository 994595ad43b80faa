/**
 * The regular upkeep on both hosts, once a minute: ping the homeserver, look up aliases, repair gaps in rooms, delete old
 * rows.
 */
import { parseJson } from "#core/protocol/json.ts";
import type { Refusal } from "#core/strings/health.ts";
import { isAhead } from "#core/turn/clocks.ts";
import type { Answer } from "#ports/homeserver.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Retention } from "#ports/operator.ts";
import { readRefusal, refusalOf } from "./bot.ts";
import { grantMissed, type PlaceNeeds } from "./places.ts";
import { REPAIR_MARK, type RepairNeeds, repairRooms } from "./repair.ts";
import { searchOn } from "./search.ts";
import { isTimeDoubted } from "./time.ts";

interface Needs extends PlaceNeeds, RepairNeeds {
  ledger: Ledger;
  keep: Retention;
  /** Well when the homeserver reaches us. A ping also makes Synapse retry its queue now instead of after its back-off. */
  ping: () => Promise<Answer<unknown>>;
  /** Logs how many invitations were refused meanwhile. */
  reportRefusals: () => Promise<void>;
  /** Looks the configuration's aliases up again. */
  lookUpAliases: () => Promise<void>;
}

const HOMESERVER_MARK = "homeserver";
const PING_MS = 5 * 60_000;

/** The result of the last ping. */
export interface HomeserverState {
  reachable: boolean;
  /** Why not. */
  refusal?: Refusal;
  /** Our clock, milliseconds since the epoch. */
  atMs: number;
}

export interface TendOptions {
  /** True at the first upkeep after a start. We may have been away for long, so the homeserver is pinged at once. */
  afterStart: boolean;
}

/** Runs the upkeep once. While the homeserver cannot be reached it only deletes old rows. */
export async function tend(needs: Needs, options: TendOptions = { afterStart: false }): Promise<void> {
  const { ledger, clock } = needs;
  await needs.reportRefusals();
  await grantMissed(needs);
  const reachable = await isReachable(needs, options);
  if (reachable) {
    await needs.lookUpAliases();
    await repairRooms(needs);
  }
  await searchOn(needs);
  if (!(await isTimeDoubted(ledger, clock))) await forget(needs);
}

/** The step that the last upkeep did not come to. */
const FORGET_MARK = "forget_next";

/**
 * Forgets as many rows as there are, giving way after each step, or as many as one run of the host can. One step is always
 * taken: a long repair, which comes first, must not keep what has to go.
 */
async function forget({ ledger, clock, keep, mayGoOn }: Needs): Promise<void> {
  let step: number | undefined = Number(await ledger.mark(FORGET_MARK)) || 0;
  const first = step;
  do {
    step = (await ledger.prune(clock.now(), keep, step)).next;
    await clock.sleep(0);
  } while (step !== undefined && mayGoOn?.() !== false);
  if (first > 0 || step !== undefined) await ledger.setMark(FORGET_MARK, String(step ?? 0));
}

/** Pings every five minutes, and at each upkeep of an outage. The end of an outage asks for a repair. */
async function isReachable({ ledger, clock, ping }: Needs, { afterStart }: TendOptions): Promise<boolean> {
  const before = afterStart ? undefined : await homeserverState(ledger);
  const nowMs = clock.now();
  if (before?.reachable && !isAhead(before.atMs, nowMs) && nowMs - before.atMs < PING_MS) return true;
  const pinged = await ping();
  const reachable = pinged.ok;
  const state: HomeserverState = { reachable, atMs: clock.now() };
  if (!pinged.ok) state.refusal = refusalOf(pinged.error);
  if (reachable && !before?.reachable) await ledger.setMark(REPAIR_MARK, "due");
  await ledger.setMark(HOMESERVER_MARK, JSON.stringify(state));
  return reachable;
}

/** The result of the last ping; undefined before the first one. */
export async function homeserverState(ledger: Ledger): Promise<HomeserverState | undefined> {
  const mark = parseJson((await ledger.mark(HOMESERVER_MARK)) ?? "");
  if (!isHomeserverState(mark)) return undefined;
  const { reachable, atMs } = mark;
  const refusal = readRefusal(mark.refusal);
  return refusal ? { reachable, atMs, refusal } : { reachable, atMs };
}

const isHomeserverState = (mark: unknown): mark is HomeserverState => {
  const { reachable, atMs } = Object(mark) as { reachable?: unknown; atMs?: unknown };
  return typeof reachable === "boolean" && Number.isFinite(atMs);
};
