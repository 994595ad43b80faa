/** Lookups for the repair of gaps: which events and rooms are known. */
import { RoomId } from "#core/protocol/ids.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { columnOf } from "../sql/stored.ts";

/** How many of the latest events count for which rooms are active. */
const LATEST_EVENTS = 5_000;

export function gaps({ all }: Database): Pick<OperatorLedger, "known" | "activeRooms" | "roomsAfter"> {
  return {
    async known(eventIds) {
      const rows = await all<{ eventId: string; seq: number }>(sql`
        SELECT event_id AS eventId, seq FROM events
        WHERE event_id IN (SELECT value FROM json_each(${JSON.stringify(eventIds)}))`);
      return new Map(rows.map(({ eventId, seq }) => [eventId, seq]));
    },

    async activeRooms(limit, sinceMs = 0) {
      const rows = await all<{ roomId: string }>(sql`
        SELECT room_id AS roomId, max(seq) AS latest FROM events
        WHERE seq > (SELECT coalesce(max(seq), 0) FROM events) - ${LATEST_EVENTS}
          AND received_at_ms >= ${sinceMs}
        GROUP BY room_id ORDER BY latest DESC LIMIT ${limit}`);
      return columnOf(rows, "roomId", RoomId);
    },

    async roomsAfter(roomId, limit) {
      // From one room to the next, so that no room's members are walked: each step reads one row of the index.
      const next = (after: Sql) => sql`(
        SELECT room_id FROM members
        WHERE membership = 'join' AND room_id > ${after} AND room_id GLOB '!?*' ORDER BY room_id LIMIT 1)`;
      const rows = await all<{ roomId: string }>(sql`
        WITH RECURSIVE found (room_id) AS (
          SELECT ${next(sql`${roomId}`)} UNION ALL
          SELECT ${next(sql`found.room_id`)} FROM found WHERE found.room_id IS NOT NULL LIMIT ${limit})
        SELECT room_id AS roomId FROM found WHERE room_id IS NOT NULL`);
      return columnOf(rows, "roomId", RoomId);
    },
  };
}
