/** Leases: which runner may run a lane, and which lanes are due. */
import { BOUNDS } from "#core/bounds.ts";
import { unreachable } from "#core/result.ts";
import { isLane, type LaneId, type Lease, laneOf, lanePrefix } from "#core/turn/lane.ts";
import type { FirstWork, LaneLedger } from "#ports/lanes.ts";
import { readWaiting, roomDueAt, selectWaiting } from "./rooms/waiting.ts";
import { isLeased, type Sql, sql } from "./sql/database.ts";
import type { NotingDatabase } from "./sql/noted.ts";
import { IS_UNSENT } from "./sql/unsent.ts";
import type { CurrentTurns } from "./turns/current-turn.ts";
import { readNextOut, selectNextOut } from "./turns/outbox.ts";
import { IS_PARKED } from "./turns/places.ts";
import { FORGOTTEN_FENCE } from "./upkeep/fence.ts";

export function leases(database: NotingDatabase, current: CurrentTurns): LaneLedger {
  const { all, atomic } = database;
  const release = async ({ lane, fence }: Lease): Promise<number | undefined> => {
    const [, rows] = await atomic([
      sql`UPDATE lanes SET owner = NULL, lease_until_ms = 0 WHERE id = ${lane} AND fence = ${fence}`,
      dueAt(lane),
    ]);
    return (rows as { due: number | null }[])[0]?.due ?? undefined;
  };
  return {
    release,

    /** Compare-and-swap. The same runner may take its own lease again, and gets a new fence. */
    async claim(lane, runner, nowMs, ttlMs) {
      const untilMs = nowMs + ttlMs;
      const claim = sql`
        INSERT INTO lanes (id, owner, lease_until_ms, fence, claimed_at_ms)
        VALUES (${lane}, ${runner}, ${untilMs}, 1 + ${FORGOTTEN_FENCE}, ${nowMs})
        ON CONFLICT (id) DO UPDATE
          SET owner = excluded.owner, lease_until_ms = excluded.lease_until_ms, fence = lanes.fence + 1,
            claimed_at_ms = excluded.claimed_at_ms
          WHERE NOT ${isLeased(nowMs)} OR lanes.owner = excluded.owner
        RETURNING fence`;
      const isMine = sql`
        EXISTS (SELECT 1 FROM lanes WHERE id = ${lane} AND owner = ${runner} AND lease_until_ms = ${untilMs})`;
      const [claimed, first] = await atomic([claim, selectFirst(lane, isMine, current)]);
      const [row] = (claimed ?? []) as { fence: number }[];
      if (!row) return undefined;
      const lease = { lane, fence: row.fence };
      try {
        return { ...lease, first: await firstOf(database, lease, first, current) };
      } catch (error) {
        // Another runner may have better luck.
        await release(lease);
        throw error;
      }
    },

    async renew({ lane, fence }, untilMs) {
      const [row] = await all<{ hasControls: number }>(sql`
        UPDATE lanes SET lease_until_ms = ${untilMs} WHERE id = ${lane} AND fence = ${fence} AND lease_until_ms > 0
        RETURNING ${hasControls(lane)} AS hasControls`);
      if (!row) return "lost";
      return row.hasControls === 1 ? "controls" : "held";
    },

    async voidLeases() {
      // The fence is raised too, so that a former runner that is still alive cannot write any more.
      await all(sql`UPDATE lanes SET owner = NULL, lease_until_ms = 0, fence = fence + 1 WHERE lease_until_ms > 0`);
    },

    async dueLanes(nowMs, limit) {
      // What was put off for longer than it can be is due (core/turn/clocks.ts).
      const soonest = (due: Sql, longestMs: number) =>
        sql`CASE WHEN ${due} > ${nowMs + longestMs} THEN 0 ELSE ${due} END`;
      // A lane is due when its oldest open row is. SQLite takes the other columns from the row that min() found.
      const rows = await all<{ lane: string }>(sql`
        SELECT open.lane AS lane FROM (
          SELECT ${lanePrefix("room")} || room_id AS lane, ${soonest(roomDueAt(sql`waiting.room_id`), BOUNDS.waitAhead.max)} AS due
          FROM events AS waiting WHERE verdict IS NULL GROUP BY room_id
          UNION ALL
          SELECT ${lanePrefix("session")} || session, CASE
              WHEN ${IS_PARKED} THEN not_before_ms
              WHEN coalesce(waits_for, 'time') = 'time' THEN ${soonest(sql`not_before_ms`, BOUNDS.pauseAhead.max)}
              ELSE ${soonest(sql`not_before_ms`, BOUNDS.waitAhead.max)}
            END FROM (
            SELECT session, not_before_ms, waits_for, min(seq) FROM turns WHERE state <> 'delivered' GROUP BY session)
          UNION ALL
          SELECT lane, ${soonest(sql`not_before_ms`, BOUNDS.pauseAhead.max)} FROM (
            SELECT lane, not_before_ms, min(seq) FROM outbox WHERE ${IS_UNSENT} GROUP BY lane)
        ) AS open
        LEFT JOIN lanes ON lanes.id = open.lane
        WHERE open.due <= ${nowMs} AND (lanes.id IS NULL OR NOT ${isLeased(nowMs)})
        ORDER BY open.due LIMIT ${limit}`);
      // Nobody can run a lane whose name cannot be read; `troupe repair` ends its rows.
      return rows.flatMap(({ lane }) => (isLane(lane) ? lane : []));
    },
  };
}

function hasControls(id: LaneId): Sql {
  const lane = laneOf(id);
  return lane.kind === "session" ? sql`EXISTS (SELECT 1 FROM controls WHERE session = ${lane.session})` : sql`0`;
}

function selectFirst(id: LaneId, isMine: Sql, current: CurrentTurns): Sql {
  const lane = laneOf(id);
  switch (lane.kind) {
    case "room":
      return selectWaiting(lane.roomId, isMine, BOUNDS.eventsAtOnce.max);
    case "session":
      return current.select(lane.session, isMine);
    case "out":
      return selectNextOut(id, isMine);
    default:
      return unreachable(lane);
  }
}

async function firstOf(
  database: NotingDatabase,
  lease: Lease,
  rows: readonly unknown[] | undefined,
  current: CurrentTurns,
): Promise<FirstWork> {
  const { kind } = laneOf(lease.lane);
  switch (kind) {
    case "room":
      return { kind, events: await readWaiting(database, lease, rows) };
    case "session":
      return { kind, current: await current.read(lease, rows) };
    case "out":
      return { kind, row: await readNextOut(database, lease, rows) };
    default:
      return unreachable(kind);
  }
}

/** When the oldest open row of a lane is due; no row when nothing is open. */
function dueAt(id: LaneId): Sql {
  const lane = laneOf(id);
  switch (lane.kind) {
    case "room":
      return sql`
        SELECT ${roomDueAt(sql`${lane.roomId}`)} AS due FROM events
        WHERE room_id = ${lane.roomId} AND verdict IS NULL LIMIT 1`;
    case "session":
      // A control (stop, interrupt) makes the session due at once, even while its turn is backing off. An answered turn
      // takes no control, nor does one that only a newer version reads: it would be due again and again meanwhile.
      return sql`
        SELECT CASE
          WHEN state IN ('queued', 'running')
            AND EXISTS (SELECT 1 FROM controls WHERE session = ${lane.session} AND upto_seq >= turns.seq) THEN 0
          WHEN ${IS_PARKED} THEN NULL
          ELSE not_before_ms
        END AS due
        FROM turns WHERE session = ${lane.session} AND state <> 'delivered' ORDER BY seq LIMIT 1`;
    case "out":
      return sql`SELECT not_before_ms AS due FROM outbox WHERE lane = ${id} AND ${IS_UNSENT} ORDER BY seq LIMIT 1`;
    default:
      return unreachable(lane);
  }
}
