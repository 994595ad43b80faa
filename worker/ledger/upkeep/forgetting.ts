/** Forgetting: what nothing needs any more, a bounded number of rows at a time. */
import type { OperatorLedger, Retention } from "#ports/operator.ts";
import { INVITE_CODE_MS, isVoid, PAIRING_MS } from "../configuration/people.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { IS_UNSENT } from "../sql/unsent.ts";

/** Rows of a kind that one step of forgetting looks at. */
const PRUNED_MAX = 500;
const MINUTE_MS = 60_000;
/** The longest that a thread can be an agent's without a word of it (`sticky`). */
const THREAD_MS = 30 * 24 * 60 * MINUTE_MS;
/** A pair of machines that has been quiet for so long begins to be counted again. */
const PAIR_MS = 60 * MINUTE_MS;

export const forgetting = (database: Database): Pick<OperatorLedger, "prune"> => ({
  prune: (nowMs, keep) => prune(database, nowMs, keep),
});

/**
 * Each step looks at the oldest rows that are left, so many and no more: the pace at which it forgets is that of the
 * sweep, and the database is never busy with it for long.
 */
async function prune(database: Database, nowMs: number, keep: Retention): Promise<number> {
  const emptied = await emptyContents(database, nowMs - keep.contentsMs);
  const oldest = (table: Sql) => sql`seq < (SELECT min(seq) FROM ${table}) + ${PRUNED_MAX}`;
  const forgottenMs = nowMs - keep.eventIdsMs;
  const results = await database.atomic([
    sql`
      DELETE FROM events
      WHERE ${oldest(sql`events`)} AND received_at_ms < ${forgottenMs} AND verdict IS NOT NULL RETURNING seq`,
    sql`
      DELETE FROM outbox
      WHERE ${oldest(sql`outbox`)} AND NOT ${IS_UNSENT}
        AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = outbox.turn_id AND turns.asked_at_ms >= ${forgottenMs})
      RETURNING seq`,
    sql`
      DELETE FROM turns
      WHERE ${oldest(sql`turns`)} AND state = 'delivered' AND asked_at_ms < ${nowMs - keep.turnsMs}
        AND NOT EXISTS (
          SELECT 1 FROM turns AS into_turn WHERE into_turn.seq = turns.merged_into AND into_turn.state <> 'delivered')
      RETURNING seq`,
    sql`
      DELETE FROM transactions
      WHERE rowid < (SELECT min(rowid) FROM transactions) + ${PRUNED_MAX} AND accepted_at_ms < ${forgottenMs} RETURNING id`,
    sql`DELETE FROM buckets WHERE at_ms < ${nowMs - MINUTE_MS} RETURNING key`,
    ...policyRows(nowMs),
  ]);
  return emptied + results.flat().length;
}

/** What was kept of people and threads, and means nothing any more. */
const policyRows = (nowMs: number): Sql[] => [
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

/** Of decided events the content goes first; their ids stay, so that none of them is taken for new. */
async function emptyContents({ all, atomic }: Database, beforeMs: number): Promise<number> {
  const [mark] = await all<{ value: string }>(sql`SELECT value FROM marks WHERE name = 'emptied'`);
  const from = Number(mark?.value ?? 0);
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
