/** The session lane's rows: turns from queued to delivered. */
import { and, asc, desc, eq, inArray, isNotNull, sql } from "drizzle-orm";
import { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Turn } from "#core/turn.ts";
import type { Ledger } from "#ports";
import { storable } from "./bulk.ts";
import { count, type Database, held, nameOf } from "./database.ts";
import { insertFrozen } from "./outbox.ts";
import { controls, outbox, turns } from "./schema.ts";

export function sessions(
  database: Database,
): Pick<Ledger, "currentTurn" | "startAttempt" | "postpone" | "takeStop" | "answered" | "delivered" | "transcript"> {
  const { db, atomic } = database;
  const open = inArray(turns.state, ["queued", "running"]);
  return {
    async currentTurn(lease, nowMs) {
      const [row] = await db
        .select()
        .from(turns)
        .where(and(eq(turns.session, nameOf(lease)), sql`${turns.state} <> 'delivered'`, held(lease)))
        .orderBy(asc(turns.seq))
        .limit(1);
      // Asked of the oldest alone: what is behind it waits with it, in order.
      return row && row.notBeforeMs <= nowMs ? turnOf(row) : undefined;
    },

    async startAttempt(lease, turnId) {
      const rows = await db
        .update(turns)
        .set({ state: "running", attempt: sql`${turns.attempt} + 1` })
        .where(and(eq(turns.id, turnId), open, held(lease)))
        .returning({ id: turns.id });
      return rows.length === 1;
    },

    async postpone(lease, turnId, notBeforeMs) {
      const rows = await db
        .update(turns)
        .set({ notBeforeMs })
        .where(and(eq(turns.id, turnId), held(lease)))
        .returning({ id: turns.id });
      return rows.length === 1;
    },

    async takeStop(lease) {
      const rows = await db
        .delete(controls)
        .where(and(eq(controls.session, nameOf(lease)), held(lease)))
        .returning({ id: controls.id });
      return rows.length > 0;
    },

    async answered(lease, turnId, reply, rows) {
      const results = await atomic([
        // First, while the turn is still open: what it finds open decides for the rows as well.
        ...insertFrozen(
          database,
          rows,
          sql`EXISTS (SELECT 1 FROM turns WHERE ${eq(turns.id, turnId)} AND ${open}) AND ${held(lease)}`,
        ),
        db
          .update(turns)
          .set({ state: "answered", replyKind: reply.kind, reply: storable(reply.markdown), notBeforeMs: 0 })
          .where(and(eq(turns.id, turnId), open, held(lease)))
          .returning({ id: turns.id }),
      ]);
      return count(results.at(-1)) === 1;
    },

    async delivered(lease, turnId) {
      const undelivered = sql`EXISTS (SELECT 1 FROM ${outbox} WHERE ${outbox.turnId} = ${turnId} AND ${outbox.state} = 'frozen')`;
      const rows = await db
        .update(turns)
        .set({ state: "delivered" })
        .where(and(eq(turns.id, turnId), eq(turns.state, "answered"), sql`NOT ${undelivered}`, held(lease)))
        .returning({ id: turns.id });
      return rows.length === 1;
    },

    async transcript(session, limit) {
      const rows = await db
        .select()
        .from(turns)
        .where(and(eq(turns.session, session), isNotNull(turns.reply)))
        .orderBy(desc(turns.seq))
        .limit(limit);
      return rows.map(turnOf);
    },
  };
}

function turnOf(row: typeof turns.$inferSelect): Turn {
  return {
    id: row.id,
    session: row.session,
    agent: AgentId.parse(row.agent),
    roomId: RoomId.parse(row.roomId),
    direct: row.direct === 1,
    prompt: {
      eventId: EventId.parse(row.eventId),
      sender: UserId.parse(row.sender),
      text: row.prompt,
      sentAtMs: row.sentAtMs,
    },
    state: row.state,
    attempt: row.attempt,
    ...(row.threadRoot === null ? {} : { threadRoot: EventId.parse(row.threadRoot) }),
    ...(row.reply === null ? {} : { reply: { kind: row.replyKind ?? "reply", markdown: row.reply } }),
  };
}
