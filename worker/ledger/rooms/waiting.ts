/** Events without a verdict, turns without an answer, and the verdicts of all other events. */
import { readEvidence } from "#core/gate/evidence.ts";
import { readReason, UNLISTED_REASONS } from "#core/gate/reasons.ts";
import { RoomEvent } from "#core/protocol/event.ts";
import { AgentId, EventId, RoomId } from "#core/protocol/ids.ts";
import { SessionKey, type WaitingEvent } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { StoredVerdict } from "#ports/operator.ts";
import { type Database, isHeld, literals, roomOf, type Sql, sql } from "../sql/database.ts";

type Waiting = Pick<
  Ledger,
  "nextEvents" | "openSessions" | "openSessionsAt" | "openSessionsIn" | "verdicts" | "verdictOf" | "verdictsIn"
>;

/** The latest events of a room among which the list of verdicts is looked for. */
const LATEST_EVENTS = 2_000;

export function waiting(database: Database): Waiting {
  const { all } = database;
  return {
    ...openTurns(database),
    ...verdicts(database),

    async nextEvents(lease, limit) {
      return waitingOf(await all(selectWaiting(roomOf(lease), isHeld(lease), limit)));
    },
  };
}

/** The oldest undecided events of a room. `isMine`: the room's lane is leased by the reader. */
export const selectWaiting = (roomId: string, isMine: Sql, limit: number): Sql => sql`
  SELECT seq, event, received_at_ms AS receivedAtMs FROM events
  WHERE room_id = ${roomId} AND verdict IS NULL AND ${isMine}
  ORDER BY coalesce(after_seq + 0.5, seq), seq LIMIT ${limit}`;

export const waitingOf = (rows: readonly unknown[] | undefined): WaitingEvent[] =>
  ((rows ?? []) as { seq: number; event: string; receivedAtMs: number }[]).map((row) => ({
    ...row,
    event: RoomEvent.parse(JSON.parse(row.event)),
  }));

function openTurns({ all }: Database): Pick<Waiting, "openSessions" | "openSessionsAt" | "openSessionsIn"> {
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
      return rows.map(({ session }) => SessionKey.parse(session));
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
      return rows.map(({ session }) => SessionKey.parse(session));
    },

    async openSessionsIn(roomId) {
      const rows = await all<{ session: string }>(sql`
        SELECT DISTINCT session FROM turns
        WHERE state <> 'delivered' AND state IN ('queued', 'running') AND room_id = ${roomId}`);
      return rows.map(({ session }) => SessionKey.parse(session));
    },
  };
}

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

function verdicts({ all }: Database): Pick<Waiting, "verdicts" | "verdictOf" | "verdictsIn"> {
  return {
    async verdicts() {
      const rows = await all<{ verdict: string; count: number }>(sql`SELECT verdict, count FROM verdicts`);
      return Object.fromEntries(rows.map((row) => [row.verdict, row.count]));
    },

    async verdictOf(eventId) {
      const [row] = await all<VerdictRow>(sql`SELECT ${VERDICT} FROM events WHERE event_id = ${eventId}`);
      return row && storedVerdict(row);
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
      return rows.map(storedVerdict);
    },
  };
}

function storedVerdict({ eventId, roomId, verdict, about, evidence, receivedAtMs }: VerdictRow): StoredVerdict {
  const reason = verdict === null ? undefined : readReason(verdict);
  const read = typeof reason === "string" ? readEvidence(reason, evidence) : undefined;
  return {
    eventId: EventId.parse(eventId),
    roomId: RoomId.parse(roomId),
    receivedAtMs,
    ...(reason === undefined ? {} : { verdict: reason }),
    ...(read === undefined ? {} : { evidence: read }),
    ...(about === null ? {} : { about: AgentId.parse(about) }),
  };
}
