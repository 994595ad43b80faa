/** Deletes rows that have outlived their retention, a bounded number at a time. */
import type { OperatorLedger, Retention } from "#ports/operator.ts";
import { INVITE_CODE_MS, isVoid, PAIRING_MS } from "../configuration/people.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { IS_UNSENT } from "../sql/unsent.ts";

/** Rows of each table that one step looks at. */
const PRUNED_MAX = 500;
const MINUTE_MS = 60_000;
/** How long a thread can stay with an agent without further messages (`sticky`): the setting's maximum. */
const THREAD_MS = 30 * 24 * 60 * MINUTE_MS;
/** The counts of a sender and an agent start again after this long without a message. */
const PAIR_MS = 60 * MINUTE_MS;

export const forgetting = (database: Database): Pick<OperatorLedger, "prune"> => ({
  prune: (nowMs, keep) => prune(database, nowMs, keep),
});

/**
 * One step looks at a fixed number of the oldest rows, so that it never keeps the database busy for long. It is called
 * again and again (`lanes/tend.ts`).
 */
async function prune(database: Database, nowMs: number, keep: Retention): Promise<number> {
  const emptiedCount = await emptyContents(database, nowMs - keep.contentsMs);
  const oldest = (table: Sql) => sql`seq < (SELECT min(seq) FROM ${table}) + ${PRUNED_MAX}`;
  const beforeMs = nowMs - keep.eventIdsMs;
  const results = await database.atomic([
    sql`
      DELETE FROM events
      WHERE ${oldest(sql`events`)} AND received_at_ms < ${beforeMs} AND verdict IS NOT NULL RETURNING seq`,
    sql`
      DELETE FROM outbox
      WHERE ${oldest(sql`outbox`)} AND NOT ${IS_UNSENT}
        AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = outbox.turn_id AND turns.asked_at_ms >= ${beforeMs})
      RETURNING seq`,
    sql`
      DELETE FROM turns
      WHERE ${oldest(sql`turns`)} AND state = 'delivered' AND asked_at_ms < ${nowMs - keep.turnsMs}
        AND NOT EXISTS (
          SELECT 1 FROM turns AS into_turn WHERE into_turn.seq = turns.merged_into AND into_turn.state <> 'delivered')
      RETURNING seq`,
    sql`
      DELETE FROM transactions
      WHERE rowid < (SELECT min(rowid) FROM transactions) + ${PRUNED_MAX} AND accepted_at_ms < ${beforeMs}
      RETURNING id`,
    sql`DELETE FROM buckets WHERE at_ms < ${nowMs - MINUTE_MS} RETURNING key`,
    ...expiredRows(nowMs),
  ]);
  return emptiedCount + results.flat().length;
}

/** Threads, pairs and codes that have expired. */
const expiredRows = (nowMs: number): Sql[] => [
  sql`
    DELETE FROM threads
    WHERE rowid IN (SELECT rowid FROM threads WHERE at_ms < ${nowMs - THREAD_MS} ORDER BY at_ms LIMIT ${PRUNED_MAX})
    RETURNING root`,
  sql`
    DELETE FROM pairs
    WHERE rowid IN (SELECT rowid FROM pairs WHERE since_ms < ${nowMs - PAIR_MS} ORDER BY since_ms LIMIT ${PRUNED_MAX})
    RETURNING agent`,
  sql`DELETE FROM pairings WHERE ${isVoid(nowMs, PAIRING_MS, sql`approved_at_ms`)} RETURNING code`,
  sql`DELETE FROM invite_codes WHERE ${isVoid(nowMs, INVITE_CODE_MS, sql`used_at_ms`)} RETURNING code`,
];

/** Empties the content of decided events. Their ids are kept longer, so that a repeated event is recognised. */
async function emptyContents({ all, atomic }: Database, beforeMs: number): Promise<number> {
  const [mark] = await all<{ value: string }>(sql`SELECT value FROM marks WHERE name = 'emptied'`);
  const from = Number(mark?.value) || 0;
  const next = await all<{ seq: number; receivedAtMs: number }>(sql`
    SELECT seq, received_at_ms AS receivedAtMs FROM events WHERE seq > ${from} ORDER BY seq LIMIT ${PRUNED_MAX}`);
  const young = next.findIndex(({ receivedAtMs }) => receivedAtMs >= beforeMs);
  const old = young < 0 ? next : next.slice(0, young);
  const upto = old.at(-1)?.seq;
  if (upto === undefined) return 0;
  await atomic([
    sql`UPDATE events SET event = '' WHERE seq > ${from} AND seq <= ${upto} AND verdict IS NOT NULL`,
    sql`
      INSERT INTO marks (name, value) VALUES ('emptied', ${String(upto)})
      ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  ]);
  return old.length;
}
