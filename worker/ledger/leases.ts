/** Who may run a lane, and which lanes have something due. */
import { unreachable } from "#core/result.ts";
import { type LaneId, laneOf, lanePrefix } from "#core/turn/lane.ts";
import type { Ledger } from "#ports/ledger.ts";
import { type Database, type Sql, sql } from "./sql/database.ts";

export function leases({
  all,
  atomic,
}: Database): Pick<Ledger, "claim" | "renew" | "release" | "voidLeases" | "dueLanes"> {
  return {
    /** Compare-and-swap. The same owner takes its own lease back, with a new fence. */
    async claim(lane, owner, nowMs, ttlMs) {
      const [row] = await all<{ fence: number }>(sql`
        INSERT INTO lanes (id, owner, lease_until_ms, fence) VALUES (${lane}, ${owner}, ${nowMs + ttlMs}, 1)
        ON CONFLICT (id) DO UPDATE
          SET owner = excluded.owner, lease_until_ms = excluded.lease_until_ms, fence = lanes.fence + 1
          WHERE lanes.lease_until_ms < ${nowMs} OR lanes.owner = excluded.owner
        RETURNING fence`);
      return row && { lane, fence: row.fence };
    },

    async renew({ lane, fence }, untilMs) {
      const rows = await all(sql`
        UPDATE lanes SET lease_until_ms = ${untilMs} WHERE id = ${lane} AND fence = ${fence} RETURNING id`);
      return rows.length === 1;
    },

    async release({ lane, fence }) {
      const [, rows] = await atomic([
        sql`UPDATE lanes SET owner = NULL, lease_until_ms = 0 WHERE id = ${lane} AND fence = ${fence}`,
        dueAt(lane),
      ]);
      return (rows as { due: number }[])[0]?.due;
    },

    async voidLeases() {
      // The fence goes up too: should a former owner live after all, it writes nothing more.
      await all(sql`UPDATE lanes SET owner = NULL, lease_until_ms = 0, fence = fence + 1 WHERE lease_until_ms > 0`);
    },

    async dueLanes(nowMs, limit) {
      // The oldest open row of each lane says when the lane is due; SQLite takes the other columns from the row of min().
      const rows = await all<{ lane: LaneId }>(sql`
        SELECT open.lane AS lane FROM (
          SELECT ${lanePrefix("room")} || room_id AS lane, 0 AS due FROM events WHERE verdict IS NULL GROUP BY room_id
          UNION ALL
          SELECT ${lanePrefix("session")} || session, not_before_ms FROM (
            SELECT session, not_before_ms, min(seq) FROM turns WHERE state <> 'delivered' GROUP BY session)
          UNION ALL
          SELECT lane, not_before_ms FROM (
            SELECT lane, not_before_ms, min(seq) FROM outbox WHERE state = 'frozen' GROUP BY lane)
        ) AS open
        LEFT JOIN lanes ON lanes.id = open.lane
        WHERE open.due <= ${nowMs} AND coalesce(lanes.lease_until_ms, 0) < ${nowMs}
        ORDER BY open.due LIMIT ${limit}`);
      return rows.map((row) => row.lane);
    },
  };
}

/** When the oldest open row of a lane is due; no row when nothing is open. */
function dueAt(id: LaneId): Sql {
  const lane = laneOf(id);
  switch (lane.kind) {
    case "room":
      return sql`SELECT 0 AS due FROM events WHERE room_id = ${lane.roomId} AND verdict IS NULL LIMIT 1`;
    case "session":
      // A control (stop, interrupt) makes the session due at once, even while its turn is backing off.
      return sql`
        SELECT CASE WHEN EXISTS (SELECT 1 FROM controls WHERE session = ${lane.session}) THEN 0 ELSE not_before_ms END AS due
        FROM turns WHERE session = ${lane.session} AND state <> 'delivered' ORDER BY seq LIMIT 1`;
    case "out":
      return sql`SELECT not_before_ms AS due FROM outbox WHERE lane = ${id} AND state = 'frozen' ORDER BY seq LIMIT 1`;
    default:
      return unreachable(lane);
  }
}
