/** The session lane's rows: turns from queued to delivered. */
import { BOUNDS } from "#core/bounds.ts";
import type { Lease } from "#core/turn/lane.ts";
import { SessionKey, type Turn, type TurnId } from "#core/turn/turn.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import type { ControlKind, TurnLedger } from "#ports/turns.ts";
import { type Database, isHeld, type Sql, sessionOf, sql } from "../sql/database.ts";
import { storedShown } from "../sql/stored.ts";
import { takeTokensIf } from "../upkeep/limits.ts";
import type { CurrentTurns } from "./current-turn.ts";
import { deleteControls, endings } from "./endings.ts";
import { grantedOf, grantPlaces, hindrance } from "./places.ts";
import { columnsOf, IS_OPEN, peopleBehind, type TurnRow, turnOf } from "./turn-row.ts";

type Turns = Omit<TurnLedger, "takeTokens"> & Pick<OperatorLedger, "replay">;

export function turns(database: Database, current: CurrentTurns): Turns {
  const { all } = database;
  return {
    ...pauses(database),
    ...attempts(database),
    ...merging(database),
    ...endings(database, current),

    async currentTurn(lease) {
      return current.read(lease, await all(current.select(sessionOf(lease), isHeld(lease))));
    },

    async transcript(session, limit): Promise<Turn[]> {
      const isPast = sql`
        session = ${session} AND (reply IS NOT NULL OR ending IN ('context', 'late', 'silent'))`;
      const length = sql`length(prompt) + coalesce(length(reply), 0) + coalesce(length(shown), 0)`;
      // The newest ones that are short enough together: fifty long replies are more than a Worker can hold.
      const rows = await all<TurnRow>(sql`
        SELECT ${columnsOf(sql`turns`)} FROM turns
        WHERE ${isPast} AND seq >= (
          SELECT min(seq) FROM (
            SELECT seq, sum(length) OVER (ORDER BY seq DESC) AS together FROM (
              SELECT seq, ${length} AS length FROM turns WHERE ${isPast} ORDER BY seq DESC LIMIT ${limit}))
          WHERE together <= ${BOUNDS.transcript.max})
        ORDER BY seq DESC LIMIT ${limit}`);
      return rows.flatMap((row) => {
        const turn = turnOf(row);
        return turn.ok ? turn.value : [];
      });
    },

    async replay(turnId, newId, nowMs) {
      const [row] = await all<{ session: string }>(sql`
        UPDATE turns
        SET id = ${newId}, state = 'queued', attempt = 0, failures = 0, not_before_ms = 0, asked_at_ms = ${nowMs},
          shown = NULL, reply_kind = NULL, reply = NULL, ending = NULL, waits_for = NULL
        WHERE id = ${turnId} AND state = 'delivered' AND ending IS NOT NULL
          AND ending NOT IN ('merged', 'redacted', 'context')
          AND (redacted = 0 OR EXISTS (SELECT 1 FROM turns AS part WHERE part.merged_into = turns.seq))
        RETURNING session`);
      return row && SessionKey.safeParse(row.session).data;
    },
  };
}

function pauses({ all, atomic }: Database): Pick<Turns, "postpone" | "postponeFailed" | "storeShown"> {
  /** A turn that is put off has no place any more; it keeps its place among those that wait for a token. */
  const putOff = async (lease: Lease, turnId: TurnId, set: Sql, nowMs: number) => {
    const [written, granted] = await atomic([
      sql`UPDATE turns SET ${set} WHERE id = ${turnId} AND ${isHeld(lease)} RETURNING id`,
      grantPlaces(nowMs),
    ]);
    return written?.length === 1 ? grantedOf(granted) : undefined;
  };
  return {
    postpone: (lease, turnId, notBeforeMs, nowMs) =>
      putOff(
        lease,
        turnId,
        sql`
          not_before_ms = ${notBeforeMs},
          waits_for = CASE WHEN waits_for = 'granted' THEN 'time' ELSE waits_for END`,
        nowMs,
      ),

    postponeFailed: (lease, turnId, notBeforeMs, nowMs) =>
      putOff(lease, turnId, sql`not_before_ms = ${notBeforeMs}, waits_for = 'time', failures = failures + 1`, nowMs),

    storeShown: async (lease, turnId, shown) => {
      const rows = await all(sql`
        UPDATE turns SET shown = ${storedShown(shown)}
        WHERE id = ${turnId} AND ${IS_OPEN} AND ${isHeld(lease)} RETURNING id`);
      return rows.length === 1;
    },
  };
}

function attempts({ all, atomic }: Database): Pick<Turns, "startAttempt" | "controls" | "dropControls"> {
  return {
    async startAttempt(lease, { id, agent, attempt, redacted = false }, caps) {
      const { nowMs, buckets } = caps;
      const hasStarted = sql`hindrance.waits_for IS NULL`;
      // While the lease is held, only the first statement makes this the turn's next attempt, or makes it wait.
      const isDecided = sql`
        (attempt = ${attempt + 1} OR attempt = ${attempt} AND waits_for IS NOT NULL AND redacted = ${redacted ? 1 : 0})
        AND ${IS_OPEN} AND ${isHeld(lease)}`;
      const [decided] = await atomic([
        sql`
          UPDATE turns
          SET state = CASE WHEN ${hasStarted} THEN 'running' ELSE state END,
            attempt = attempt + (${hasStarted}), waits_for = hindrance.waits_for, granted_at_ms = 0,
            not_before_ms = CASE WHEN ${hasStarted} THEN 0 ELSE hindrance.until_ms END,
            agent_places = ${caps.agent}, all_places = ${caps.all}
          FROM (${hindrance(id, agent, caps)}) AS hindrance
          WHERE turns.id = ${id} AND attempt = ${attempt} AND redacted = ${redacted ? 1 : 0}
            AND ${IS_OPEN} AND ${isHeld(lease)}
          RETURNING turns.waits_for AS waitsFor, turns.not_before_ms AS untilMs`,
        // A turn that waits for the token of a bucket has those of the buckets before it.
        ...buckets.flatMap((bucket, at) => {
          const waitsHere = buckets.slice(0, at + 1).map(({ key }) => sql`AND waits_for IS NOT ${key}`);
          const hasToken = waitsHere.reduce((both, one) => sql`${both} ${one}`, isDecided);
          return takeTokensIf(sql`EXISTS (SELECT 1 FROM turns WHERE id = ${id} AND ${hasToken})`, [bucket], nowMs);
        }),
      ]);
      const [row] = (decided ?? []) as { waitsFor: string | null; untilMs: number }[];
      if (!row) return "changed";
      if (row.waitsFor === null) return "started";
      return buckets.some(({ key }) => key === row.waitsFor) ? { tokensInMs: row.untilMs - nowMs } : "full";
    },

    async controls(lease, { session, seq }) {
      const rows = await all<{ kind: ControlKind }>(sql`
        SELECT kind FROM controls WHERE session = ${session} AND upto_seq >= ${seq} AND ${isHeld(lease)}`);
      return rows.map(({ kind }) => kind);
    },

    dropControls: async (lease, { session }) =>
      (await all(sql`${deleteControls(session, sql`kind <> 'stop' AND ${isHeld(lease)}`)} RETURNING id`)).length > 0,
  };
}

function merging({ all, atomic }: Database): Pick<Turns, "merge" | "heldBackUntil"> {
  return {
    async merge(lease, { session, seq, prompt }, whose) {
      const results = await atomic([
        sql`
          UPDATE turns SET state = 'delivered', ending = 'merged', merged_into = ${seq}
          WHERE session = ${session} AND state = 'queued' AND seq > ${seq}
            AND seq IN (
              SELECT seq FROM (
                SELECT seq, sum(length(CAST(prompt AS BLOB))) OVER (ORDER BY seq) AS bytes FROM turns
                WHERE session = ${session} AND state = 'queued' AND seq > ${seq}
                  AND (${whose === "all" ? 1 : 0} = 1 OR sender = ${prompt.sender}))
              WHERE bytes <= ${BOUNDS.mergedPrompts.max} - (
                SELECT sum(length(CAST(prompt AS BLOB))) FROM turns WHERE seq = ${seq} OR merged_into = ${seq}))
            AND EXISTS (
              SELECT 1 FROM turns AS into_turn
              WHERE into_turn.seq = ${seq} AND into_turn.state IN ('queued', 'running'))
            AND ${isHeld(lease)}
          RETURNING id`,
        // A turn that was replayed comes before turns that have merged others.
        sql`
          UPDATE turns SET merged_into = ${seq}
          WHERE merged_into IN (SELECT part.seq FROM turns AS part WHERE part.merged_into = ${seq})
            AND ${isHeld(lease)}`,
        // Kept with the turn: a merged message that is redacted while it is answered has had its effect all the same.
        sql`
          UPDATE turns SET on_behalf_of = (SELECT json_group_array(who) FROM (${peopleBehind(sql`${seq}`)}))
          WHERE seq = ${seq} AND EXISTS (SELECT 1 FROM turns AS part WHERE part.merged_into = ${seq})
            AND ${isHeld(lease)}`,
      ]);
      return results[0]?.length ?? 0;
    },

    async heldBackUntil(lease, { session, seq, prompt }) {
      const [row] = await all<{ until: number | null }>(sql`
        SELECT max(not_before_ms) AS until FROM turns
        WHERE session = ${session} AND state = 'queued' AND seq > ${seq} AND sender = ${prompt.sender}
          AND ${isHeld(lease)}`);
      return row?.until ?? 0;
    },
  };
}
