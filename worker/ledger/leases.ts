/** Leases: which runner may run a lane, and which lanes are due. */
import { EVENTS_MAX, type LaneId, type LaneKind } from "#core/turn/lane.ts";
import type { FirstWork, LaneLedger } from "#ports/lanes.ts";
import { selectWaiting, waitingOf } from "./rooms/waiting.ts";
import { type Database, nameOf, type Sql, sql } from "./sql/database.ts";
import { IS_UNSENT } from "./sql/unsent.ts";
import type { CurrentTurns } from "./turns/current-turn.ts";
import { openRowOf, selectNextOut } from "./turns/outbox.ts";

export function leases({ all, atomic }: Database, current: CurrentTurns): LaneLedger {
  return {
    /** Compare-and-swap. The same runner may take its own lease again, and gets a new fence. */
    async claim(lane, runner, nowMs, ttlMs) {
      const untilMs = nowMs + ttlMs;
      const claim = sql`
        INSERT INTO lanes (id, owner, lease_until_ms, fence) VALUES (${lane}, ${runner}, ${untilMs}, 1)
        ON CONFLICT (id) DO UPDATE
          SET owner = excluded.owner, lease_until_ms = excluded.lease_until_ms, fence = lanes.fence + 1
          WHERE lanes.lease_until_ms < ${nowMs} OR lanes.owner = excluded.owner
        RETURNING fence`;
      const isMine = sql`
        EXISTS (SELECT 1 FROM lanes WHERE id = ${lane} AND owner = ${runner} AND lease_until_ms = ${untilMs})`;
      const [claimed, first] = await atomic([claim, selectFirst(lane, isMine, current)]);
      const [row] = (claimed ?? []) as { fence: number }[];
      return row && { lane, fence: row.fence, first: firstOf(lane, first, current) };
    },

    async renew({ lane, fence }, untilMs) {
      const rows = await all(sql`
        UPDATE lanes SET lease_until_ms = ${untilMs} WHERE id = ${lane} AND fence = ${fence} AND lease_until_ms > 0
        RETURNING id`);
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
      // The fence is raised too, so that a former runner that is still alive cannot write any more.
      await all(sql`UPDATE lanes SET owner = NULL, lease_until_ms = 0, fence = fence + 1 WHERE lease_until_ms > 0`);
    },

    async dueLanes(nowMs, limit) {
      // A lane is due when its oldest open row is. SQLite takes the other columns from the row that min() found.
      const rows = await all<{ lane: LaneId }>(sql`
        SELECT open.lane AS lane FROM (
          SELECT 'room:' || room_id AS lane, 0 AS due FROM events WHERE verdict IS NULL GROUP BY room_id
          UNION ALL
          SELECT 'session:' || session, not_before_ms FROM (
            SELECT session, not_before_ms, min(seq) FROM turns WHERE state <> 'delivered' GROUP BY session)
          UNION ALL
          SELECT lane, not_before_ms FROM (
            SELECT lane, not_before_ms, min(seq) FROM outbox WHERE ${IS_UNSENT} GROUP BY lane)
        ) AS open
        LEFT JOIN lanes ON lanes.id = open.lane
        WHERE open.due <= ${nowMs} AND coalesce(lanes.lease_until_ms, 0) < ${nowMs}
        ORDER BY open.due LIMIT ${limit}`);
      return rows.map((row) => row.lane);
    },
  };
}

function selectFirst(lane: LaneId, isMine: Sql, current: CurrentTurns): Sql {
  const name = nameOf({ lane });
  switch (kindOf(lane)) {
    case "room":
      return selectWaiting(name, isMine, EVENTS_MAX);
    case "session":
      return current.select(name, isMine);
    case "out":
      return selectNextOut(lane, isMine);
  }
}

function firstOf(lane: LaneId, rows: readonly unknown[] | undefined, current: CurrentTurns): FirstWork {
  switch (kindOf(lane)) {
    case "room":
      return { kind: "room", events: waitingOf(rows) };
    case "session":
      return { kind: "session", current: current.read(rows) };
    case "out":
      return { kind: "out", row: openRowOf(rows, lane) };
  }
}

function kindOf(lane: LaneId): LaneKind {
  if (lane.startsWith("room:")) return "room";
  return lane.startsWith("session:") ? "session" : "out";
}

/** When the oldest open row of a lane is due. Selects no row when nothing is open. */
function dueAt(lane: LaneId): Sql {
  const name = nameOf({ lane });
  if (lane.startsWith("room:"))
    return sql`SELECT 0 AS due FROM events WHERE room_id = ${name} AND verdict IS NULL LIMIT 1`;
  return lane.startsWith("session:")
    ? // A control (stop, interrupt) makes the session due at once, even while its turn is backing off.
      sql`
        SELECT CASE WHEN EXISTS (SELECT 1 FROM controls WHERE session = ${name}) THEN 0 ELSE not_before_ms END AS due
        FROM turns WHERE session = ${name} AND state <> 'delivered' ORDER BY seq LIMIT 1`
    : sql`SELECT not_before_ms AS due FROM outbox WHERE lane = ${lane} AND ${IS_UNSENT} ORDER BY seq LIMIT 1`;
}
