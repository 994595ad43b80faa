/** Stores pushed events and dead letters. Idempotent: a stored event stays as it is. */
import { type EventId, RoomId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Intake } from "#ports/rooms.ts";
import { jsonLists, storable } from "../sql/bulk.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { columnOf } from "../sql/stored.ts";
import { insertDeadLetters } from "../upkeep/dead-letters.ts";

export function intake(database: Database): Pick<Ledger, "accept"> {
  const { atomic } = database;
  return {
    async accept(pushed) {
      // All pushed events count, not only new ones, so that a repeated transaction rings again.
      const results = await atomic([...inserts(database, pushed), undecidedRooms(pushed.events)], "durable");
      return roomsIn(results.at(-1));
    },
  };
}

/** The rooms in which one of these events is to be decided. */
export function undecidedRooms(events: readonly { event_id: EventId }[]): Sql {
  const ids = JSON.stringify(events.map((event) => event.event_id));
  return sql`
    SELECT DISTINCT room_id AS roomId FROM events
    WHERE event_id IN (SELECT value FROM json_each(${ids})) AND verdict IS NULL`;
}

/** The rooms of the rows of `undecidedRooms`. */
export const roomsIn = (rows: readonly unknown[] | undefined): RoomId[] =>
  columnOf((rows ?? []) as { roomId: string }[], "roomId", RoomId);

function inserts({ bulk }: Database, pushed: Intake): Sql[] {
  const { deadLetters, nowMs } = pushed;
  const statements = pushed.among
    ? insertsInPlace(pushed, pushed.among)
    : bulk === "rows"
      ? eventRows(pushed)
      : eventLists(pushed);
  return [...lowerThanBefore(pushed), ...statements, ...insertDeadLetters(deadLetters, nowMs)];
}

/** Events that were read back have no transaction; behind more of them than this the last one is not looked for. */
const LOOKED_BACK = 1_000;

/** Before the events are stored: the latest transaction is that of the latest event. */
const lowerThanBefore = ({ counted }: Intake): Sql[] =>
  counted === undefined
    ? []
    : [
        sql`
          INSERT INTO marks (name, value)
          SELECT ${counted.mark}, 'due' FROM (
            SELECT transaction_number AS latest FROM events
            WHERE seq > (SELECT max(seq) FROM events) - ${LOOKED_BACK} AND transaction_number IS NOT NULL
            ORDER BY seq DESC LIMIT 1)
          WHERE latest > ${counted.transaction}
          ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      ];

const eventRows = ({ events, nowMs, counted }: Intake): Sql[] =>
  events.map(
    (event) => sql`
      INSERT INTO events (event_id, room_id, event, received_at_ms, transaction_number)
      VALUES (${event.event_id}, ${event.room_id}, ${storable(JSON.stringify(event))}, ${nowMs},
        ${counted?.transaction ?? null})
      ON CONFLICT DO NOTHING`,
  );

const eventLists = ({ events, nowMs, counted }: Intake): Sql[] =>
  jsonLists(events.map((event) => [event.event_id, event.room_id, JSON.stringify(event)])).map(
    (list) => sql`
      INSERT INTO events (event_id, room_id, event, received_at_ms, transaction_number)
      SELECT value ->> 0, value ->> 1, value ->> 2, ${nowMs}, ${counted?.transaction ?? null}
      FROM json_each(${list}) WHERE true ORDER BY key
      ON CONFLICT DO NOTHING`,
  );

/**
 * Inserts events that were read back. Their places are computed in the inserting statement itself: an event that was pushed
 * since the room was read is known by then, and those read behind it must not be placed before it.
 */
function insertsInPlace({ events, nowMs }: Intake, among: readonly EventId[]): Sql[] {
  const places = new Map(among.map((id, at) => [id, at]));
  const rows = events.map((event) => [
    event.event_id,
    event.room_id,
    JSON.stringify(event),
    places.get(event.event_id) ?? -1,
  ]);
  return jsonLists(rows).map(
    (list) => sql`
      WITH known AS MATERIALIZED (
        SELECT was.key AS at, coalesce(events.after_seq, events.seq) AS place
        FROM json_each(${JSON.stringify(among)}) AS was JOIN events ON events.event_id = was.value)
      INSERT INTO events (event_id, room_id, event, after_seq, received_at_ms)
      SELECT value ->> 0, value ->> 1, value ->> 2,
        (SELECT place FROM known WHERE known.at < value ->> 3 ORDER BY known.at DESC LIMIT 1), ${nowMs}
      FROM json_each(${list}) WHERE EXISTS (SELECT 1 FROM known WHERE known.at < value ->> 3) ORDER BY key
      ON CONFLICT DO NOTHING`,
  );
}
