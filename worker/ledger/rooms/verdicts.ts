/** Stored verdicts: how often each was given, and those of a room or an event. */
import { readEvidence } from "#core/gate/evidence.ts";
import { readReason, UNLISTED_REASONS } from "#core/gate/reasons.ts";
import { AgentId, EventId, RoomId } from "#core/protocol/ids.ts";
import type { OperatorLedger, StoredVerdict } from "#ports/operator.ts";
import { type Database, literals, type Sql, sql } from "../sql/database.ts";

/** The list of a room's verdicts is searched for in this many of its latest events. */
const LATEST_EVENTS = 2_000;

interface VerdictRow {
  eventId: string;
  roomId: string;
  verdict: string | null;
  about: string | null;
  evidence: string | null;
  receivedAtMs: number;
}
const VERDICT = sql`
  event_id AS eventId, room_id AS roomId, verdict, about, evidence, received_at_ms AS receivedAtMs`;

/** Messages, reactions and invitations whose content is still stored. JSON may be too deep for SQLite to read. */
const SAID: Sql = sql`
  CASE WHEN json_valid(event) THEN
    event ->> '$.type' IN ('m.room.message', 'm.reaction', 'm.room.encrypted')
    OR event ->> '$.type' = 'm.room.member' AND event ->> '$.content.membership' = 'invite'
  END`;

export function verdicts({ all }: Database): Pick<OperatorLedger, "verdicts" | "verdictOf" | "verdictsIn"> {
  return {
    async verdicts() {
      const rows = await all<{ verdict: string; count: number }>(sql`SELECT verdict, count FROM verdicts`);
      return Object.fromEntries(rows.map((row) => [row.verdict, row.count]));
    },

    async verdictOf(eventId) {
      const [row] = await all<VerdictRow>(sql`SELECT ${VERDICT} FROM events WHERE event_id = ${eventId}`);
      return row && storedVerdict(row)[0];
    },

    async verdictsIn(roomId, limit) {
      // Word for word the condition of the index `events_decided`.
      const inRoom = sql`
        room_id = ${roomId} AND verdict IS NOT NULL AND verdict NOT IN ${literals(UNLISTED_REASONS)}`;
      const rows = await all<VerdictRow>(sql`
        SELECT ${VERDICT} FROM events
        WHERE ${inRoom} AND ${SAID} AND seq > coalesce(
          (SELECT seq FROM events WHERE ${inRoom} ORDER BY seq DESC LIMIT 1 OFFSET ${LATEST_EVENTS}), 0)
        ORDER BY seq DESC LIMIT ${limit}`);
      return rows.flatMap(storedVerdict);
    },
  };
}

/** None where an id of the row is none. */
function storedVerdict({ verdict, evidence, receivedAtMs, ...row }: VerdictRow): StoredVerdict[] {
  const reason = verdict === null ? undefined : readReason(verdict);
  const read = typeof reason === "string" ? readEvidence(reason, evidence) : undefined;
  const [eventId, roomId] = [EventId.safeParse(row.eventId).data, RoomId.safeParse(row.roomId).data];
  const about = AgentId.safeParse(row.about).data;
  if (!eventId || !roomId) return [];
  const found = {
    eventId,
    roomId,
    receivedAtMs,
    ...(reason === undefined ? {} : { verdict: reason }),
    ...(read === undefined ? {} : { evidence: read }),
    ...(about === undefined ? {} : { about }),
  };
  return [found];
}
