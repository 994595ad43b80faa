/** Events that wait for a verdict. */
import { BOUNDS } from "#core/bounds.ts";
import type { Reason } from "#core/gate/reasons.ts";
import { RoomEvent } from "#core/protocol/event.ts";
import { complaintOf, parseJson } from "#core/protocol/json.ts";
import type { Lease } from "#core/turn/lane.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { RoomLedger } from "#ports/rooms.ts";
import { countOfLast, isHeld, roomOf, type Sql, sql } from "../sql/database.ts";
import type { NotingDatabase } from "../sql/noted.ts";
import { insertPlain } from "../turns/outbox.ts";
import { insertDeadLetter } from "../upkeep/dead-letters.ts";

export function waitingEvents(
  database: NotingDatabase,
): Pick<RoomLedger, "nextEvents" | "putOffEvent" | "storeProgress"> {
  return {
    async putOffEvent(lease, { seq }, notBeforeMs, because) {
      const rows = await database.all(sql`
        UPDATE events SET not_before_ms = ${notBeforeMs}, failures = failures + ${because === "failure" ? 1 : 0}
        WHERE seq = ${seq} AND verdict IS NULL AND ${isHeld(lease)} RETURNING seq`);
      return rows.length === 1;
    },

    async storeProgress(lease, { seq }, progress, notices) {
      const guard = sql`EXISTS (${undecided(seq)}) AND ${isHeld(lease)}`;
      const atMs = sql`(SELECT received_at_ms FROM events WHERE seq = ${seq})`;
      const results = await database.atomic([
        ...insertPlain(notices, guard, atMs),
        sql`UPDATE events SET progress = ${progress}, failures = 0 WHERE seq = ${seq} AND ${guard} RETURNING seq`,
      ]);
      return countOfLast(results) === 1;
    },

    async nextEvents(lease, limit) {
      return readWaiting(database, lease, await database.all(selectWaiting(roomOf(lease), isHeld(lease), limit)));
    },
  };
}

/**
 * The oldest undecided events of a room, no more than are parsed without a pause. `isMine`: the room's lane is leased by the
 * reader.
 */
export const selectWaiting = (roomId: string, isMine: Sql, limit: number): Sql => sql`
  SELECT seq, event_id AS eventId, event, received_at_ms AS receivedAtMs, failures, not_before_ms AS notBeforeMs,
    progress
  FROM (
    SELECT *, sum(length(event)) OVER (ORDER BY coalesce(after_seq + 0.5, seq), seq) - length(event) AS before FROM (
      SELECT * FROM events
      WHERE room_id = ${roomId} AND verdict IS NULL AND ${isMine}
      ORDER BY coalesce(after_seq + 0.5, seq), seq LIMIT ${limit}))
  WHERE before <= ${BOUNDS.sliceSize.max} ORDER BY coalesce(after_seq + 0.5, seq), seq`;

interface Row {
  seq: number;
  eventId: string;
  event: string;
  receivedAtMs: number;
  failures: number;
  notBeforeMs: number;
  progress: string | null;
}

/** The events of these rows. One that cannot be read is decided here, as a dead letter, and the room goes on without it. */
export async function readWaiting(
  { atomic, noted }: NotingDatabase,
  lease: Lease,
  rows: readonly unknown[] | undefined,
): Promise<WaitingEvent[]> {
  const readable: WaitingEvent[] = [];
  const burials: Sql[] = [];
  for (const row of (rows ?? []) as Row[]) {
    const { seq, receivedAtMs, failures, notBeforeMs, progress } = row;
    const json = parseJson(row.event);
    const event = RoomEvent.safeParse(json).data;
    const begun = progress === null ? {} : { progress };
    if (event) readable.push({ seq, event, receivedAtMs, failures, notBeforeMs, ...begun });
    else {
      const wrong = json === undefined ? "it is no JSON" : complaintOf(RoomEvent, json);
      noted.note({ table: "events", key: row.eventId, wrong });
      burials.push(...burial(row, wrong, sql`EXISTS (${undecided(seq)}) AND ${isHeld(lease)}`));
    }
  }
  if (burials.length > 0) await atomic(burials);
  return readable;
}

/** The part of a row that its end needs. */
type Stored = Pick<Row, "seq" | "eventId" | "event" | "receivedAtMs">;

const undecided = (seq: number): Sql => sql`SELECT 1 FROM events WHERE seq = ${seq} AND verdict IS NULL`;

/** The event becomes a dead letter, and its verdict says so. */
export function burial({ seq, eventId, event, receivedAtMs }: Stored, wrong: string, guard: Sql): Sql[] {
  const reason = `The stored event ${eventId} cannot be read: ${wrong}`;
  return [
    sql`
      INSERT INTO verdicts (verdict, count) SELECT ${UNREADABLE}, 1 WHERE ${guard}
      ON CONFLICT (verdict) DO UPDATE SET count = verdicts.count + 1`,
    insertDeadLetter({ kind: "event", reason, raw: event }, receivedAtMs, guard, eventId),
    sql`UPDATE events SET verdict = ${UNREADABLE}, event = '' WHERE seq = ${seq} AND ${guard}`,
  ];
}
const UNREADABLE: Reason = "unreadable";

/** When a room's events are due: at once, save while the handling of one is put off. */
export const roomDueAt = (roomId: Sql): Sql => sql`
  coalesce((
    SELECT max(put_off.not_before_ms) FROM events AS put_off
    WHERE put_off.room_id = ${roomId} AND put_off.verdict IS NULL AND put_off.not_before_ms > 0), 0)`;
