/** Who may run a lane, and which lanes have something due. */
import { and, asc, eq, isNull, sql } from "drizzle-orm";
import type { LaneId, Ledger } from "#ports";
import type { Database, Statement } from "./database.ts";
import { events, lanes, outbox, turns } from "./schema.ts";

export function leases(database: Database): Pick<Ledger, "claim" | "renew" | "release" | "voidLeases" | "dueLanes"> {
  const { db, atomic } = database;
  const mine = (lane: LaneId, fence: number) => and(eq(lanes.id, lane), eq(lanes.fence, fence));
  return {
    /** Compare-and-swap. The same owner takes its own lease back, with a new fence. */
    async claim(lane, owner, nowMs, ttlMs) {
      const leaseUntilMs = nowMs + ttlMs;
      const [row] = await db
        .insert(lanes)
        .values({ id: lane, owner, leaseUntilMs, fence: 1 })
        .onConflictDoUpdate({
          target: lanes.id,
          set: { owner, leaseUntilMs, fence: sql`${lanes.fence} + 1` },
          setWhere: sql`${lanes.leaseUntilMs} < ${nowMs} OR ${lanes.owner} = ${owner}`,
        })
        .returning({ fence: lanes.fence });
      return row ? { lane, fence: row.fence } : undefined;
    },

    async renew({ lane, fence }, untilMs) {
      const rows = await db
        .update(lanes)
        .set({ leaseUntilMs: untilMs })
        .where(mine(lane, fence))
        .returning({ id: lanes.id });
      return rows.length === 1;
    },

    async release({ lane, fence }) {
      const free = db.update(lanes).set({ owner: null, leaseUntilMs: 0 }).where(mine(lane, fence));
      const [, rows] = await atomic([free, dueAt(database, lane)]);
      return dueOf(rows);
    },

    async voidLeases() {
      // The fence goes up too: should a former owner live after all, it writes nothing more.
      await db
        .update(lanes)
        .set({ owner: null, leaseUntilMs: 0, fence: sql`${lanes.fence} + 1` })
        .where(sql`${lanes.leaseUntilMs} > 0`);
    },

    async dueLanes(nowMs, limit) {
      // The oldest open row of each lane says when the lane is due; SQLite takes the other columns from the row of min().
      const open = sql`
        SELECT 'room:' || room_id AS lane, 0 AS due FROM events WHERE verdict IS NULL GROUP BY room_id
        UNION ALL
        SELECT 'session:' || session, not_before_ms FROM (
          SELECT session, not_before_ms, min(seq) FROM turns WHERE state <> 'delivered' GROUP BY session)
        UNION ALL
        SELECT lane, not_before_ms FROM (
          SELECT lane, not_before_ms, min(seq) FROM outbox WHERE state = 'frozen' GROUP BY lane)`;
      const due = sql`(${open}) AS open`;
      const rows = await db
        .select({ lane: sql<LaneId>`open.lane` })
        .from(due)
        .leftJoin(lanes, sql`${lanes.id} = open.lane`)
        .where(sql`open.due <= ${nowMs} AND coalesce(${lanes.leaseUntilMs}, 0) < ${nowMs}`)
        .orderBy(sql`open.due`)
        .limit(limit);
      return rows.map((row) => row.lane);
    },
  };
}

/** When the oldest open row of a lane is due; no row when nothing is open. */
function dueAt({ db }: Database, lane: LaneId): Statement {
  const name = lane.slice(lane.indexOf(":") + 1);
  if (lane.startsWith("room:")) {
    return db
      .select({ due: sql<number>`0` })
      .from(events)
      .where(and(eq(events.roomId, name), isNull(events.verdict)))
      .limit(1);
  }
  if (lane.startsWith("session:")) {
    return db
      .select({ due: turns.notBeforeMs })
      .from(turns)
      .where(and(eq(turns.session, name), sql`${turns.state} <> 'delivered'`))
      .orderBy(asc(turns.seq))
      .limit(1);
  }
  return db
    .select({ due: outbox.notBeforeMs })
    .from(outbox)
    .where(and(eq(outbox.lane, lane), sql`${outbox.state} = 'frozen'`))
    .orderBy(asc(outbox.seq))
    .limit(1);
}

function dueOf(rows: unknown): number | undefined {
  const first: { due?: unknown } | undefined = Array.isArray(rows) ? rows[0] : undefined;
  return typeof first?.due === "number" ? first.due : undefined;
}
