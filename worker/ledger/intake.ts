/** What was pushed, remembered once. */
import { RoomId } from "#core/protocol/ids.ts";
import type { Intake, Ledger, StoredDeadLetter } from "#ports";
import { cutRaw, jsonLists, storable } from "./bulk.ts";
import { type Database, type Sql, sql } from "./database.ts";

export function intake(database: Database): Pick<Ledger, "accept" | "addDeadLetter" | "deadLetters"> {
  const { all, atomic } = database;
  return {
    async accept(pushed) {
      // Asked of all that were pushed, not only of the new: a repeated transaction rings again.
      const ids = JSON.stringify(pushed.events.map((event) => event.event_id));
      const undecided = sql`
        SELECT DISTINCT room_id AS roomId FROM events
        WHERE event_id IN (SELECT value FROM json_each(${ids})) AND verdict IS NULL`;
      const results = await atomic([...remembering(database, pushed), undecided]);
      return ((results.at(-1) ?? []) as { roomId: string }[]).map(({ roomId }) => RoomId.parse(roomId));
    },

    async addDeadLetter({ kind, reason, raw }, nowMs) {
      await all(sql`
        INSERT INTO dead_letters (kind, reason, raw, created_at_ms) VALUES (${kind}, ${reason}, ${cutRaw(raw)}, ${nowMs})`);
    },

    deadLetters: (limit) =>
      all<StoredDeadLetter>(sql`
        SELECT id, kind, reason, raw, created_at_ms AS createdAtMs FROM dead_letters ORDER BY id DESC LIMIT ${limit}`),
  };
}

function remembering({ bulk }: Database, pushed: Intake): Sql[] {
  const { transactionId, deadLetters, nowMs } = pushed;
  const statements = bulk === "rows" ? eventRows(pushed) : eventLists(pushed);
  if (transactionId !== undefined) {
    statements.push(sql`
      INSERT INTO transactions (id, accepted_at_ms) VALUES (${transactionId}, ${nowMs})
      ON CONFLICT (id) DO UPDATE SET accepted_at_ms = excluded.accepted_at_ms`);
  }
  for (const list of jsonLists(deadLetters.map(({ kind, reason, raw }) => [kind, reason, cutRaw(raw)]))) {
    statements.push(sql`
      INSERT INTO dead_letters (kind, reason, raw, created_at_ms)
      SELECT value ->> 0, value ->> 1, value ->> 2, ${nowMs} FROM json_each(${list}) WHERE true ORDER BY key`);
  }
  return statements;
}

const eventRows = ({ events, afterSeq, nowMs }: Intake): Sql[] =>
  events.map(
    (event) => sql`
      INSERT INTO events (event_id, room_id, event, after_seq, received_at_ms)
      VALUES (${event.event_id}, ${event.room_id}, ${storable(JSON.stringify(event))}, ${afterSeq ?? null}, ${nowMs})
      ON CONFLICT DO NOTHING`,
  );

const eventLists = ({ events, afterSeq, nowMs }: Intake): Sql[] =>
  jsonLists(events.map((event) => [event.event_id, event.room_id, JSON.stringify(event)])).map(
    (list) => sql`
      INSERT INTO events (event_id, room_id, event, after_seq, received_at_ms)
      SELECT value ->> 0, value ->> 1, value ->> 2, ${afterSeq ?? null}, ${nowMs}
      FROM json_each(${list}) WHERE true ORDER BY key
      ON CONFLICT DO NOTHING`,
  );
