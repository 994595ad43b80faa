/**
 * Which rooms are compared with the homeserver, and when. After an outage every active room is, as soon as possible. A
 * push that is lost without a sign is found by a slow rotation: through the rooms of the last hour, and through all rooms.
 *
 * One upkeep repairs as many rooms as its time and the host allow, a few at the same time, and the next one goes on where
 * it stopped. A room that hangs or fails is passed by; the rotation comes to it again.
 */
import { BOUNDS } from "#core/bounds.ts";
import { RoomId } from "#core/protocol/ids.ts";
import { parseJson } from "#core/protocol/json.ts";
import { caught, messageOf } from "#core/result.ts";
import { roomLane } from "#core/turn/lane.ts";
import type { Standing } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { OperatorLedger } from "#ports/operator.ts";

export interface RepairNeeds {
  ledger: Pick<OperatorLedger, "mark" | "setMark" | "swapMark" | "activeRooms" | "roomsAfter">;
  clock: Clock;
  log: Log;
  doorbell: Doorbell;
  standing: Standing;
  /** Reads missing events of a room back. Resolves to their number. */
  repair: (roomId: RoomId) => Promise<number>;
  /** False when this run has done as much as the host allows. */
  mayGoOn?: (() => boolean) | undefined;
}

/**
 * The mark that asks for a repair of all active rooms: `due`, `going` while some of them are left, `done`. It is set at the
 * end of an outage (tend.ts), and by `onDoubt` (app.ts) when the homeserver may have lost events.
 */
export const REPAIR_MARK = "repair";
/** The rooms that are left, as a list. */
const LEFT_MARK = "repair_left";
/** The rotation through active rooms, and the last room of the rotation through all rooms. */
const ACTIVE_MARK = "rotation";
const CURSOR_MARK = "repaired";

/** Rooms of the rotation through all rooms, at each upkeep. */
const QUIET_ROOMS = 10;
/** A round through active rooms takes this many upkeeps or more, and reads at most so many rooms in each. */
const ACTIVE_SLICES = 10;
const ACTIVE_ROOMS = 10;
const ACTIVE_MS = 60 * 60_000;
/** Rooms that are repaired at the same time: a Worker has six connections. */
const AT_ONCE = 4;

/** What one upkeep may still repair. */
interface Budget {
  untilMs: number;
  /** True once the homeserver answers nothing: every further room would fail. */
  isSilent: boolean;
}

export async function repairRooms(needs: RepairNeeds): Promise<void> {
  const budget: Budget = { untilMs: needs.clock.now() + BOUNDS.repairTime.max, isSilent: false };
  await repairDoubted(needs, budget);
  await rotateActive(needs, budget);
  await rotateAll(needs, budget);
}

async function repairDoubted(needs: RepairNeeds, budget: Budget): Promise<void> {
  const { ledger } = needs;
  const mark = await ledger.mark(REPAIR_MARK);
  if (mark !== "due" && mark !== "going") return;
  let listed = (await ledger.mark(LEFT_MARK)) ?? "";
  const before = roomsIn(parseJson(listed));
  let rooms = before;
  if (mark === "due") {
    const active = await ledger.activeRooms(BOUNDS.roomsRepaired.max);
    // Those that are left come first: otherwise repeated doubts would always begin with the same rooms.
    rooms = [...new Set([...before, ...active])].slice(0, BOUNDS.roomsRepaired.max * 2);
    listed = JSON.stringify(rooms);
    await ledger.setMark(LEFT_MARK, listed);
    // A doubt from before this is covered, because every room is read after it. A later one sets `due` again.
    await ledger.swapMark(REPAIR_MARK, "due", "going");
  }
  const left = await repairSome(needs, rooms, budget);
  // Beside the upkeep of another process, one that began later has the longer list; it stays.
  const isMine = await ledger.swapMark(LEFT_MARK, listed, JSON.stringify(left));
  if (isMine && left.length === 0) await ledger.swapMark(REPAIR_MARK, "going", "done");
}

/** A round through the rooms with events in the last hour. */
interface Round {
  left: RoomId[];
  /** Rooms in each upkeep. */
  slice: number;
  sinceMs: number;
}

async function rotateActive(needs: RepairNeeds, budget: Budget): Promise<void> {
  const { ledger, clock } = needs;
  const nowMs = clock.now();
  let round = roundIn(parseJson((await ledger.mark(ACTIVE_MARK)) ?? ""));
  if (round.left.length === 0) {
    // The look at the latest events is not cheap, so a quiet bridge takes it as rarely as a busy one.
    if (Math.abs(nowMs - round.sinceMs) < ACTIVE_SLICES * 60_000) return;
    const left = await ledger.activeRooms(BOUNDS.roomsRepaired.max, nowMs - ACTIVE_MS);
    round = { left, slice: Math.min(Math.ceil(left.length / ACTIVE_SLICES), ACTIVE_ROOMS), sinceMs: nowMs };
  }
  const slice = round.left.slice(0, round.slice);
  const unread = await repairSome(needs, slice, budget);
  const left = [...unread, ...round.left.slice(slice.length)];
  await ledger.setMark(ACTIVE_MARK, JSON.stringify({ ...round, left }));
}

async function rotateAll(needs: RepairNeeds, budget: Budget): Promise<void> {
  const { ledger } = needs;
  if (isSpent(needs, budget)) return;
  const cursor = (await ledger.mark(CURSOR_MARK)) ?? "";
  const rooms = await ledger.roomsAfter(cursor, QUIET_ROOMS);
  const [next] = await repairSome(needs, rooms, budget);
  const isEnd = next === undefined && rooms.length < QUIET_ROOMS;
  const last = next === undefined ? rooms.at(-1) : rooms[rooms.indexOf(next) - 1];
  await ledger.setMark(CURSOR_MARK, isEnd ? "" : (last ?? cursor));
}

const isSpent = ({ clock, mayGoOn }: RepairNeeds, { untilMs, isSilent }: Budget): boolean =>
  isSilent || clock.now() >= untilMs || mayGoOn?.() === false;

/** Repairs these rooms in their order. Gives those that were not reached, and those that failed with everything else. */
async function repairSome(needs: RepairNeeds, rooms: readonly RoomId[], budget: Budget): Promise<RoomId[]> {
  const left = [...rooms];
  const silent: RoomId[] = [];
  const work = async () => {
    for (;;) {
      const room = isSpent(needs, budget) ? undefined : left.shift();
      if (room === undefined) return;
      if (await repairOne(needs, room)) continue;
      budget.isSilent = true;
      silent.push(room);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return [...silent, ...left];
}

/** False when the homeserver answers nothing. Any other failure is the room's own. */
async function repairOne({ repair, clock, log, doorbell, standing }: RepairNeeds, room: RoomId): Promise<boolean> {
  const over = new AbortController();
  const patience = clock.sleep(BOUNDS.repairRoomTime.max, over.signal).then(() => "hangs" as const);
  const repaired = await Promise.race([caught(repair(room)), patience]);
  over.abort();
  if (repaired !== "hangs" && repaired.ok) {
    if (repaired.value === 0) return true;
    log("gap_repaired", { room, events: repaired.value });
    await doorbell.ring([roomLane(room)]);
    return true;
  }
  log("gap_unrepaired", { room, error: repaired === "hangs" ? "it takes too long" : messageOf(repaired.error) });
  return standing.isWell();
}

/** The rooms of a stored list; none where it cannot be read. */
const roomsIn = (list: unknown): RoomId[] =>
  Array.isArray(list) ? list.flatMap((one) => RoomId.safeParse(one).data ?? []) : [];

function roundIn(mark: unknown): Round {
  const { left, slice, sinceMs } = Object(mark) as Partial<Record<keyof Round, unknown>>;
  const rooms = roomsIn(left);
  const isWhole = Number.isInteger(slice) && Number.isFinite(sinceMs);
  return isWhole ? { left: rooms, slice: Number(slice), sinceMs: Number(sinceMs) } : { left: [], slice: 0, sinceMs: 0 };
}
