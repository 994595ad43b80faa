/** Forgets what has been kept long enough, a bounded number of rows at a time. */
import { BOUNDS } from "#core/bounds.ts";
import type { Forgotten, OperatorLedger } from "#ports/operator.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { setMark } from "./marks.ts";
import { type Due, eventsDatedAnew, hourly, type Rule, rules } from "./rules.ts";

/** The seq up to which the contents of decided events are empty. */
export const EMPTIED_MARK = "emptied";
const HOURLY_MARK = "forgot_hourly";
const HOUR_MS = 60 * 60_000;

/** Contents, what is due once an hour, then the rules in their order. */
export function forgetting(database: Database): Pick<OperatorLedger, "prune"> {
  const each = rules(database);
  return {
    async prune(nowMs, keep, step = 0) {
      const due: Due = { ...keep, nowMs };
      const rule = each[step - 2];
      const { touched, isDone } =
        step === 0
          ? await emptyContents(database, due)
          : step === 1
            ? await onceAnHour(database, nowMs)
            : rule
              ? await forget(database, rule, due)
              : { touched: 0, isDone: true };
      if (!isDone) return { touched, next: step };
      return step - 1 < each.length ? { touched, next: step + 1 } : { touched };
    },
  };
}

type Step = Omit<Forgotten, "next"> & { isDone: boolean };

const raw = (text: string): Sql => ({ text, values: [] });

/** The rows of a table that one step looks at: after the mark, in the order of their keys. */
async function forget({ all, atomic }: Database, rule: Rule, due: Due): Promise<Step> {
  const [table, key, name] = [raw(rule.table), raw(rule.key), `forgot_${rule.table}`];
  const [chunk] = await all<{ start: number; upto: number | null; count: number; old: number }>(sql`
    WITH mark AS (SELECT coalesce((SELECT CAST(value AS INTEGER) FROM marks WHERE name = ${name}), 0) AS at)
    SELECT (SELECT at FROM mark) AS start, max(k) AS upto, count(*) AS count, coalesce(sum(old), 0) AS old FROM (
      SELECT ${key} AS k, ${rule.isOld?.(due) ?? sql`true`} AS old FROM ${table}
      WHERE ${key} > (SELECT at FROM mark) ORDER BY ${key} LIMIT ${BOUNDS.forgottenAtOnce.max})`);
  const { start: from = 0, upto = null, count = 0, old = 0 } = chunk ?? {};
  if (upto === null && from === 0) return { touched: 0, isDone: true };
  const isHere = sql`${key} > ${from} AND ${key} <= ${upto ?? from}`;
  const isEnd = count < BOUNDS.forgottenAtOnce.max || (rule.isOld !== undefined && old === 0);
  const results = await atomic([
    ...(rule.before?.(due, isHere) ?? []),
    sql`DELETE FROM ${table} WHERE ${isHere} AND (${rule.isGone(due)}) RETURNING 1`,
    setMark(name, isEnd ? 0 : (upto ?? 0)),
  ]);
  const touched = results.flat().length;
  // What goes round a table goes on at the next upkeep, where nothing was found.
  return { touched, isDone: isEnd || (rule.isOld === undefined && touched === 0) };
}

async function onceAnHour(database: Database, nowMs: number): Promise<Step> {
  const { all, atomic } = database;
  const [mark] = await all<{ atMs: number }>(sql`
    SELECT CAST(value AS INTEGER) AS atMs FROM marks WHERE name = ${HOURLY_MARK}`);
  if (mark && Math.abs(nowMs - mark.atMs) < HOUR_MS) return { touched: 0, isDone: true };
  const results = await atomic([...hourly(database), setMark(HOURLY_MARK, nowMs)]);
  return { touched: results.flat().length, isDone: true };
}

/**
 * Empties the content of decided events. Their ids are kept longer, so that a repeated event is recognised. An event that is
 * not decided yet is passed by, and emptied with its verdict (rooms/settle.ts).
 *
 * What was received while the clock was ahead is as old as what came after it; where nothing did, it is dated anew.
 */
async function emptyContents({ all, atomic }: Database, due: Due): Promise<Step> {
  const [mark] = await all<{ value: string }>(sql`SELECT value FROM marks WHERE name = ${EMPTIED_MARK}`);
  const from = Number(mark?.value) || 0;
  const next = await all<{ seq: number; receivedAtMs: number }>(sql`
    SELECT seq, received_at_ms AS receivedAtMs FROM events
    WHERE seq > ${from} ORDER BY seq LIMIT ${BOUNDS.forgottenAtOnce.max}`);
  const dated = next.filter(({ receivedAtMs }) => receivedAtMs <= due.nowMs + HOUR_MS);
  const young = dated.findIndex(({ receivedAtMs }) => receivedAtMs >= due.nowMs - due.contentsMs);
  const upto = (young < 0 ? dated : dated.slice(0, young)).at(-1)?.seq;
  if (upto === undefined) {
    if (dated.length < next.length) await all(eventsDatedAnew(due, sql`seq > ${from}`));
    return { touched: 0, isDone: true };
  }
  const [emptied] = await atomic([
    sql`
      UPDATE events SET event = ''
      WHERE seq > ${from} AND seq <= ${upto} AND verdict IS NOT NULL AND event <> '' RETURNING seq`,
    setMark(EMPTIED_MARK, upto),
  ]);
  return { touched: emptied?.length ?? 0, isDone: young >= 0 || next.length < BOUNDS.forgottenAtOnce.max };
}
