/** What was pushed, remembered once. */
import { and, inArray, isNull, sql } from "drizzle-orm";
import { RoomId } from "#core/protocol/ids.ts";
import type { DeadLetter, Intake, Ledger } from "#ports";
import type { Database, Statement } from "./database.ts";
import { deadLetters, events, transactions } from "./schema.ts";

/** A statement's parameter on D1 may have 1 to 2 MB; a list is cut well below that. */
const LIST_BYTES_MAX = 512 * 1024;
const RAW_LENGTH_MAX = 64 * 1024;

export function intake({ db, atomic }: Database): Pick<Ledger, "accept" | "addDeadLetter" | "deadLetters"> {
  const insertDeadLetter = ({ kind, reason, raw }: DeadLetter, nowMs: number) =>
    db.insert(deadLetters).values({ kind, reason, raw: raw.slice(0, RAW_LENGTH_MAX), createdAtMs: nowMs });

  return {
    async accept({ transactionId, events: pushed, deadLetters: letters, nowMs, afterSeq }) {
      const statements: Statement[] = [];
      if (transactionId !== undefined) {
        const row = { id: transactionId, acceptedAtMs: nowMs };
        const again = { target: transactions.id, set: { acceptedAtMs: nowMs } };
        statements.push(db.insert(transactions).values(row).onConflictDoUpdate(again));
      }
      for (const list of lists(pushed)) {
        // A whole list travels as one JSON parameter: D1 binds at most 100 to a statement.
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
      for (const letter of letters) statements.push(insertDeadLetter(letter, nowMs));
      if (statements.length === 0) return [];
      const rooms = [...new Set(pushed.map((event) => event.room_id))];
      if (rooms.length === 0) {
        await atomic(statements);
        return [];
      }
      // Asked of all that were pushed, not only of the new: a repeated transaction rings again.
      const undecided = db
        .selectDistinct({ roomId: events.roomId })
        .from(events)
        .where(
          and(
            isNull(events.verdict),
            inArray(events.roomId, sql`(SELECT value FROM json_each(${JSON.stringify(rooms)}))`),
          ),
        );
      const results = await atomic([...statements, undecided]);
      return roomsOf(results.at(-1));
    },

    async addDeadLetter(letter, nowMs) {
      await insertDeadLetter(letter, nowMs);
    },

    async deadLetters(limit) {
      return db.select().from(deadLetters).orderBy(sql`${deadLetters.id} DESC`).limit(limit);
    },
  };
}

/** `[event id, room id, event]` rows as JSON lists, none of them too long. */
function* lists(pushed: Intake["events"]): Generator<string> {
  let rows: string[] = [];
  let length = 0;
  for (const event of pushed) {
    const row = JSON.stringify([event.event_id, event.room_id, JSON.stringify(event)]);
    if (rows.length > 0 && length + row.length > LIST_BYTES_MAX) {
      yield `[${rows.join(",")}]`;
      rows = [];
      length = 0;
    }
    rows.push(row);
    length += row.length;
  }
  if (rows.length > 0) yield `[${rows.join(",")}]`;
}

function roomsOf(rows: unknown): RoomId[] {
  if (!Array.isArray(rows)) return [];
  return rows.flatMap((row: { roomId?: unknown }) => RoomId.safeParse(row.roomId).data ?? []);
}
