/** What was pushed, remembered once. */
import { RoomId } from "#core/protocol/ids.ts";
import type { Intake, Ledger, StoredDeadLetter } from "#ports";
import { cutRaw, jsonLists } from "./bulk.ts";
import { type Database, type Sql, sql } from "./database.ts";

export function intake({ all, atomic }: Database): Pick<Ledger, "accept" | "addDeadLetter" | "deadLetters"> {
  return {
    async accept(pushed) {
      const inserted = (await atomic(remembering(pushed))).flat();
      if (inserted.length === pushed.events.length) return roomsOf(inserted);
      // Some are known: whether they were decided is asked of all, so that a repeated transaction rings again.
      const ids = JSON.stringify(pushed.events.map((event) => event.event_id));
      return roomsOf(
        await all(sql`
          SELECT room_id AS roomId FROM events
          WHERE event_id IN (SELECT value FROM json_each(${ids})) AND verdict IS NULL`),
      );
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

/** Only the statements that store events return rows. */
function remembering({ transactionId, events, deadLetters, nowMs, afterSeq }: Intake): Sql[] {
  const statements: Sql[] = [];
  if (transactionId !== undefined) {
    statements.push(sql`
      INSERT INTO transactions (id, accepted_at_ms) VALUES (${transactionId}, ${nowMs})
      ON CONFLICT (id) DO UPDATE SET accepted_at_ms = excluded.accepted_at_ms`);
  }
  for (const list of jsonLists(events.map((event) => [event.event_id, event.room_id, JSON.stringify(event)]))) {
    statements.push(sql`
      INSERT INTO events (event_id, room_id, event, after_seq, received_at_ms)
      SELECT value ->> 0, value ->> 1, value ->> 2, ${afterSeq ?? null}, ${nowMs}
      FROM json_each(${list}) WHERE true ORDER BY key
      ON CONFLICT DO NOTHING
      RETURNING room_id AS roomId`);
  }
  for (const list of jsonLists(deadLetters.map(({ kind, reason, raw }) => [kind, reason, cutRaw(raw)]))) {
    statements.push(sql`
      INSERT INTO dead_letters (kind, reason, raw, created_at_ms)
      SELECT value ->> 0, value ->> 1, value ->> 2, ${nowMs} FROM json_each(${list}) WHERE true ORDER BY key`);
  }
  return statements;
}

const roomsOf = (rows: readonly unknown[]): RoomId[] =>
  [...new Set(rows.map((row) => (row as { roomId: string }).roomId))].map((id) => RoomId.parse(id));
