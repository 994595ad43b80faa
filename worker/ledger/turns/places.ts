/**
 * Places: so many turns run at the same time, of one agent and of all. A turn that finds none waits in the column
 * `waits_for`, and whoever frees a place grants it to the turn that has waited longest, in the same batch.
 *
 * `waits_for` of an open turn is one of
 * - NULL: it waits for its time, or runs
 * - the key of a token bucket: it waits for its token, which flows in at its time
 * - the id of an out lane: more messages wait there than may
 * - `place`
 * - `granted`: a place is kept for it; it is due at once
 * - `time`: it waits for its time, and has its tokens
 */

import { BOUNDS } from "#core/bounds.ts";
import { lanePrefix } from "#core/turn/lane.ts";
import { SessionKey } from "#core/turn/turn.ts";
import type { Line, PlaceLedger, TurnBucket, TurnCaps } from "#ports/turns.ts";
import { type Database, isLeased, type Sql, sql } from "../sql/database.ts";
import { ghostSql } from "../sql/ghosts.ts";
import { columnOf } from "../sql/stored.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import { msUntil } from "../upkeep/limits.ts";

/** A place is kept for so long: where the ring is lost, the next sweep rings within that time. */
const KEPT_MS = 90_000;

/** For queries of `turns`: the conditions of the index `turns_waiting`, to the letter. */
const isWaitingFor = (what: string | Sql, table = sql`turns`): Sql =>
  sql`${table}.waits_for = ${what} AND ${table}.state <> 'delivered'`;
const IS_WAITING = sql`waits_for = 'place' AND state <> 'delivered'`;

/** A turn that waits for a place or for an out lane is not due by its time, which is when it becomes too old. */
export const IS_PARKED = sql`(waits_for = 'place' OR substr(waits_for, 1, 4) = ${lanePrefix("out")})`;

/** The turns that have a place: they run under a living lease, or one is kept for them. */
const placed = (nowMs: number): Sql => sql`
  SELECT turns.id AS id, turns.agent AS agent
  FROM turns JOIN lanes ON lanes.id = ${lanePrefix("session")} || turns.session
  WHERE turns.state = 'running' AND turns.waits_for IS NULL AND turns.not_before_ms <= ${nowMs}
    AND ${isLeased(nowMs)}
  UNION ALL
  SELECT id, agent FROM turns
  WHERE ${isWaitingFor(sql`'granted'`)} AND granted_at_ms BETWEEN ${nowMs - KEPT_MS} AND ${nowMs + KEPT_MS}`;

/** What keeps the turn from starting, and when that ends; `waits_for` is NULL when it can start. One row. */
export function hindrance(id: string, agent: string, caps: TurnCaps): Sql {
  const { nowMs, out, buckets } = caps;
  const others = sql`SELECT count(*) FROM (${placed(nowMs)}) AS other WHERE other.id <> ${id}`;
  // Each wait is written once: D1 limits the parameters of a statement. A CASE needs one condition at least.
  const waits = buckets.map((bucket, at) => ({ bucket, column: { text: `wait${at}`, values: [] } }));
  const whenEmpty = (then: (bucket: TurnBucket, ms: Sql) => Sql) =>
    waits.reduce(
      (cases, { bucket, column }) => sql`${cases} WHEN ${column} > 0 THEN ${then(bucket, column)}`,
      sql`WHEN false THEN 0`,
    );
  const columns = waits.reduce(
    (all, { bucket, column }) => sql`${all}, ${tokenIn(id, bucket, nowMs)} AS ${column}`,
    sql`0`,
  );
  return sql`
    SELECT
      CASE ${whenEmpty(({ key }) => sql`${key}`)}
        WHEN (SELECT count(*) FROM outbox WHERE lane = ${out.lane} AND ${IS_UNSENT}) >= ${out.depth} THEN ${out.lane}
        WHEN (${others}) >= ${caps.all} OR (${others} AND other.agent = ${agent}) >= ${caps.agent} THEN 'place'
      END AS waits_for,
      CASE ${whenEmpty(({ spreadMs }, ms) => sql`${nowMs + spreadMs} + ${shortened(ms)}`)} ELSE ${caps.lateAtMs} END AS until_ms
    FROM (SELECT ${columns})`;
}

/** What waits longer than the half of `waitAhead` comes earlier and asks again, all of them still in their order. */
const LONG_MS = BOUNDS.waitAhead.max / 2;
const SHORTENING = 24;

/** A wait, so that none looks as if it had been stored while the clock was ahead: such a turn would ask without a pause. */
const shortened = (ms: Sql): Sql => sql`min(${ms}, ${LONG_MS} + max(${ms} - ${LONG_MS}, 0) / ${SHORTENING})`;

/**
 * Milliseconds until the turn has a token of the bucket; 0 when it has. Those that wait before it get theirs first, so
 * that each comes once, when its own token has flowed in.
 */
const tokenIn = (id: string, bucket: TurnBucket, nowMs: number): Sql =>
  msUntil(
    bucket,
    sql`(
      SELECT 1 + count(*) FROM turns AS before
      WHERE ${isWaitingFor(bucket.key, sql`before`)} AND before.id <> ${id}
        AND before.not_before_ms < coalesce(
          (SELECT not_before_ms FROM turns WHERE id = ${id} AND waits_for = ${bucket.key}),
          ${Number.MAX_SAFE_INTEGER}))`,
    nowMs,
  );

/**
 * Grants free places to the turns that wait longest: at most one to the turns of one agent, so that each freed place is
 * granted to one turn. Looks at each agent once, not at each turn.
 */
export const grantPlaces = (nowMs: number): Sql => sql`
  WITH RECURSIVE
    line(first) AS (
      SELECT (SELECT seq FROM turns WHERE ${IS_WAITING} ORDER BY agent, agent_places, seq LIMIT 1)
      UNION ALL
      SELECT (
        SELECT behind.seq FROM turns AS behind
        WHERE ${isWaitingFor(sql`'place'`, sql`behind`)}
          AND (behind.agent, behind.agent_places) > (this.agent, this.agent_places)
        ORDER BY behind.agent, behind.agent_places, behind.seq LIMIT 1)
      FROM line JOIN turns AS this ON this.seq = line.first),
    taken(agent) AS MATERIALIZED (
      SELECT agent FROM (${placed(nowMs)}) WHERE EXISTS (SELECT 1 FROM turns WHERE ${IS_WAITING})),
    by_agent(agent, count) AS MATERIALIZED (SELECT agent, count(*) FROM taken GROUP BY agent)
  UPDATE turns SET waits_for = 'granted', not_before_ms = 0, granted_at_ms = ${nowMs}
  WHERE seq IN (
    SELECT one.seq FROM line JOIN turns AS one ON one.seq = line.first
    LEFT JOIN by_agent ON by_agent.agent = one.agent
    WHERE coalesce(by_agent.count, 0) < one.agent_places
    ORDER BY one.seq
    LIMIT max(0,
      coalesce((SELECT all_places FROM turns WHERE ${IS_WAITING} ORDER BY seq DESC LIMIT 1), 0)
        - (SELECT count(*) FROM taken)))
  RETURNING session`;

/** The sessions of the rows that `grantPlaces` returned. */
export const grantedOf = (rows: readonly unknown[] | undefined): SessionKey[] =>
  columnOf((rows ?? []) as { session: string }[], "session", SessionKey);

/** Turns that wait for the out lane wait for a place once there is room for their messages. */
export const freeOut = (lane: Sql, which: Sql): Sql => sql`
  UPDATE turns SET waits_for = 'place'
  WHERE ${which} AND state <> 'delivered'
    AND (SELECT count(*) FROM outbox WHERE lane = ${lane} AND ${IS_UNSENT}) < ${BOUNDS.outDepth.max}
  RETURNING seq`;

export function places({ all, atomic, namespace }: Database): PlaceLedger {
  const { userId } = ghostSql(namespace);
  return {
    grantPlaces: async (nowMs) => grantedOf(await all(grantPlaces(nowMs))),

    async lines(allPlaces, limit) {
      const outLane = sql`${lanePrefix("out")} || ${userId(sql`turns.agent`)} || '|' || turns.room_id`;
      const results = await atomic([
        sql`UPDATE turns SET all_places = ${allPlaces} WHERE ${IS_WAITING} AND all_places <> ${allPlaces}`,
        freeOut(outLane, sql`substr(waits_for, 1, 4) = ${lanePrefix("out")}`),
        sql`
          SELECT agent, agent_places AS places, room_id AS roomId, min(seq) FROM turns WHERE ${IS_WAITING}
          GROUP BY agent, agent_places ORDER BY min(seq) LIMIT ${limit}`,
      ]);
      return (results.at(-1) ?? []) as Line[];
    },

    async setPlaces({ agent, places: before }, now) {
      await all(sql`
        UPDATE turns SET agent_places = ${now}
        WHERE ${IS_WAITING} AND agent = ${agent} AND agent_places = ${before}`);
    },
  };
}
