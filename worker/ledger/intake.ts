/** What was pushed, remembered once. */
import { and, desc, inArray, isNull, sql } from "drizzle-orm";
import { RoomId } from "#core/protocol/ids.ts";
import type { Intake, Ledger } from "#ports";
import { cutRaw, jsonLists } from "./bulk.ts";
import type { Database, Statement } from "./database.ts";
import { deadLetters, events, transactions } from "./schema.ts";

export function intake(database: Database): Pick<Ledger, "accept" | "addDeadLetter" | "deadLetters"> {
  const { db, atomic } = database;
  return {
    async accept(pushed) {
      const statements = remembering(database, pushed);
      if (pushed.events.length === 0) {
        await atomic(statements);
        return [];
      }
      // Asked of all that were pushed, not only of the new: a repeated transaction rings again.
      const ids = JSON.stringify(pushed.events.map((event) => event.event_id));
      const undecided = db
        .selectDistinct({ roomId: events.roomId })
        .from(events)
        .where(and(inArray(events.eventId, sql`(SELECT value FROM json_each(${ids}))`), isNull(events.verdict)));
      const results = await atomic([...statements, undecided]);
      return roomsOf(results.at(-1));
    },

    async addDeadLetter({ kind, reason, raw }, nowMs) {
      await db.insert(deadLetters).values({ kind, reason, raw: cutRaw(raw), createdAtMs: nowMs });
    },

    async deadLetters(limit) {
      return db.select().from(deadLetters).orderBy(desc(deadLetters.id)).limit(limit);
    },
  };
}

function remembering({ db }: Database, pushed: Intake): Statement[] {
  const { transactionId, nowMs, afterSeq } = pushed;
  const statements: Statement[] = [];
  if (transactionId !== undefined) {
    const row = { id: transactionId, acceptedAtMs: nowMs };
    const again = { target: transactions.id, set: { acceptedAtMs: nowMs } };
    statements.push(db.insert(transactions).values(row).onConflictDoUpdate(again));
  }
  for (const list of jsonLists(pushed.events.map((event) => [event.event_id, event.room_id, JSON.stringify(event)]))) {
    statements.push(
      db
        .insert(events)
        .select(
          sql`SELECT NULL, value ->> 0, value ->> 1, ${afterSeq ?? null}, ${nowMs}, NULL, value ->> 2
              FROM json_each(${list}) WHERE true ORDER BY key`,
        )
        .onConflictDoNothing(),
    );
  }
  for (const list of jsonLists(pushed.deadLetters.map(({ kind, reason, raw }) => [kind, reason, cutRaw(raw)]))) {
    statements.push(
      db
        .insert(deadLetters)
        .select(
          sql`SELECT NULL, value ->> 0, value ->> 1, value ->> 2, ${nowMs} FROM json_each(${list}) WHERE true ORDER BY key`,
        ),
    );
  }
  return statements;
}

function roomsOf(rows: unknown): RoomId[] {
  if (!Array.isArray(rows)) return [];
  return rows.flatMap((row: { roomId?: unknown }) => RoomId.safeParse(row.roomId).data ?? []);
}
