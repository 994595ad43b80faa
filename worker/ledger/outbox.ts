/** The out lane's rows: frozen requests and what became of them. */
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import { AgentId, EventId, UserId } from "#core/protocol/ids.ts";
import type { LaneId, Ledger, OutboxRow } from "#ports";
import { cutRaw } from "./bulk.ts";
import { count, type Database, held, type Statement } from "./database.ts";
import { deadLetters, outbox } from "./schema.ts";

/** One statement a row: a body may have 60 kB, and a list of them more than a parameter may. */
export function insertFrozen({ db }: Database, rows: readonly OutboxRow[], guard: SQL): Statement[] {
  return rows.map((row) =>
    db
      .insert(outbox)
      .select(
        sql`SELECT NULL, ${row.key}, ${row.lane}, ${row.turnId ?? null}, ${row.agent}, ${row.userId}, ${row.deviceId},
              ${row.path}, ${row.body}, 'frozen', NULL, 0, 0 WHERE ${guard}`,
      )
      .onConflictDoNothing(),
  );
}

export function outboxRows(
  database: Database,
  now: () => number,
): Pick<Ledger, "freeze" | "outboxRow" | "nextOut" | "ended" | "retryOut"> {
  const { db, atomic } = database;
  return {
    async freeze(lease, rows) {
      const stillHeld = db.select({ held: sql<number>`1` }).from(sql`(SELECT 1) AS one`).where(held(lease));
      const results = await atomic([...insertFrozen(database, rows, held(lease)), stillHeld]);
      return count(results.at(-1)) === 1;
    },

    async outboxRow(key) {
      const [row] = await db
        .select({ state: outbox.state, eventId: outbox.eventId })
        .from(outbox)
        .where(eq(outbox.key, key))
        .limit(1);
      if (!row) return undefined;
      return row.eventId === null ? { state: row.state } : { state: row.state, eventId: EventId.parse(row.eventId) };
    },

    async nextOut(lease) {
      const [row] = await db
        .select()
        .from(outbox)
        .where(and(eq(outbox.lane, lease.lane), sql`${outbox.state} = 'frozen'`, held(lease)))
        .orderBy(asc(outbox.seq))
        .limit(1);
      return row && stored(row, lease.lane);
    },

    async ended(lease, seq, end) {
      const mine = and(eq(outbox.seq, seq), sql`${outbox.state} = 'frozen'`, held(lease));
      const set = end.state === "sent" ? { state: end.state, eventId: end.eventId } : { state: end.state };
      const update = db.update(outbox).set(set).where(mine).returning({ seq: outbox.seq });
      if (end.state === "sent") return count(await update) === 1;
      const { kind, reason, raw } = end.deadLetter;
      const open = sql`EXISTS (SELECT 1 FROM outbox WHERE seq = ${seq} AND state = 'frozen') AND ${held(lease)}`;
      const results = await atomic([
        db.insert(deadLetters).select(sql`SELECT NULL, ${kind}, ${reason}, ${cutRaw(raw)}, ${now()} WHERE ${open}`),
        update,
      ]);
      return count(results.at(-1)) === 1;
    },

    async retryOut(lease, seq, notBeforeMs) {
      const rows = await db
        .update(outbox)
        .set({ notBeforeMs, attempt: sql`${outbox.attempt} + 1` })
        .where(and(eq(outbox.seq, seq), sql`${outbox.state} = 'frozen'`, held(lease)))
        .returning({ seq: outbox.seq });
      return rows.length === 1;
    },
  };
}

function stored(row: typeof outbox.$inferSelect, lane: LaneId) {
  const { seq, key, path, body, deviceId, attempt, notBeforeMs, turnId } = row;
  return {
    ...{ seq, key, lane, path, body, deviceId, attempt, notBeforeMs },
    agent: AgentId.parse(row.agent),
    userId: UserId.parse(row.userId),
    ...(turnId === null ? {} : { turnId }),
  };
}
