/** Sessions with an unanswered turn: in a room, in a thread, or for one message. */
import { SessionKey } from "#core/turn/turn.ts";
import type { SessionLedger } from "#ports/turns.ts";
import { type Database, sql } from "../sql/database.ts";
import { columnOf } from "../sql/stored.ts";

type OpenSessions = Pick<SessionLedger, "openSessions" | "openSessionsAt" | "openSessionsIn">;

export function openSessions({ all }: Database): OpenSessions {
  return {
    async openSessions(roomId, threadRoot, agents) {
      const where =
        threadRoot === undefined
          ? sql`(thread_root IS NULL OR thread_root = event_id)`
          : sql`thread_root = ${threadRoot}`;
      const rows = await all<{ session: string }>(sql`
        SELECT DISTINCT session FROM turns
        WHERE state <> 'delivered' AND state IN ('queued', 'running') AND room_id = ${roomId} AND ${where}
          AND agent IN (SELECT value FROM json_each(${JSON.stringify(agents)}))`);
      return columnOf(rows, "session", SessionKey);
    },

    async openSessionsAt(eventId, roomId, agents) {
      const isConcerned = sql`
        turns.state IN ('queued', 'running') AND turns.room_id = ${roomId}
        AND turns.agent IN (SELECT value FROM json_each(${JSON.stringify(agents)}))`;
      const rows = await all<{ session: string }>(sql`
        SELECT session FROM turns WHERE event_id = ${eventId} AND ${isConcerned}
        UNION
        SELECT turns.session FROM outbox JOIN turns ON turns.id = outbox.turn_id
        WHERE outbox.event_id = ${eventId} AND ${isConcerned}`);
      return columnOf(rows, "session", SessionKey);
    },

    async openSessionsIn(roomId) {
      const rows = await all<{ session: string }>(sql`
        SELECT DISTINCT session FROM turns
        WHERE state <> 'delivered' AND state IN ('queued', 'running') AND room_id = ${roomId}`);
      return columnOf(rows, "session", SessionKey);
    },
  };
}
