/** The session lane's rows: turns from queued to delivered. */
import { lanePrefix } from "#core/turn/lane.ts";
import { SessionKey, type Turn } from "#core/turn/turn.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import type { ControlKind, TurnLedger } from "#ports/turns.ts";
import { storable } from "../sql/bulk.ts";
import { type Database, isHeld, type Sql, sessionOf, sql } from "../sql/database.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import { areFull, takeTokensIf, waitOf } from "../upkeep/limits.ts";
import type { CurrentTurns } from "./current-turn.ts";
import { deleteControls, endings } from "./endings.ts";
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
      const rows = await all<TurnRow>(sql`
        SELECT ${columnsOf(sql`turns`)} FROM turns
        WHERE session = ${session} AND (reply IS NOT NULL OR ending IN ('context', 'late', 'silent'))
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
          shown = NULL, reply_kind = NULL, reply = NULL, ending = NULL
        WHERE id = ${turnId} AND state = 'delivered' AND ending IS NOT NULL
          AND ending NOT IN ('merged', 'redacted', 'context')
          AND (redacted = 0 OR EXISTS (SELECT 1 FROM turns AS part WHERE part.merged_into = turns.seq))
        RETURNING session`);
      return row && SessionKey.safeParse(row.session).data;
    },
  };
}

function pauses({ all }: Database): Pick<Turns, "postpone" | "postponeFailed" | "storeShown"> {
  const wrote = async (statement: Sql) => (await all(statement)).length === 1;
  return {
    postpone: (lease, turnId, notBeforeMs) =>
      wrote(sql`
        UPDATE turns SET not_before_ms = ${notBeforeMs} WHERE id = ${turnId} AND ${isHeld(lease)} RETURNING id`),

    postponeFailed: (lease, turnId, notBeforeMs) =>
      wrote(sql`
        UPDATE turns SET not_before_ms = ${notBeforeMs}, failures = failures + 1
        WHERE id = ${turnId} AND ${isHeld(lease)} RETURNING id`),

    storeShown: (lease, turnId, shown) =>
      wrote(sql`
        UPDATE turns SET shown = ${storable(shown)}
        WHERE id = ${turnId} AND ${IS_OPEN} AND ${isHeld(lease)} RETURNING id`),
  };
}

function attempts({ all, atomic }: Database): Pick<Turns, "startAttempt" | "controls" | "dropControls"> {
  return {
    async startAttempt(lease, { id, agent, attempt, redacted = false }, caps) {
      const { nowMs, out, buckets } = caps;
      const isOpen = sql`EXISTS (SELECT 1 FROM turns WHERE id = ${id} AND ${IS_OPEN})`;
      const running = sql`
        SELECT count(*) FROM turns AS other JOIN lanes ON lanes.id = ${lanePrefix("session")} || other.session
        WHERE other.state = 'running' AND other.id <> ${id} AND lanes.lease_until_ms > ${nowMs}`;
      const results = await atomic([
        sql`SELECT ${waitOf(buckets, nowMs)} AS waitMs WHERE ${isOpen} AND ${isHeld(lease)}`,
        sql`
          UPDATE turns SET state = 'running', attempt = attempt + 1
          WHERE id = ${id} AND attempt = ${attempt} AND redacted = ${redacted ? 1 : 0}
            AND ${IS_OPEN} AND ${isHeld(lease)} AND ${areFull(buckets, nowMs)}
            AND (SELECT count(*) FROM outbox WHERE lane = ${out.lane} AND ${IS_UNSENT}) < ${out.depth}
            AND (${running}) < ${caps.all} AND (${running} AND other.agent = ${agent}) < ${caps.agent}
          RETURNING id`,
        // While the lease is held, only the statement above makes this the turn's next attempt.
        ...takeTokensIf(
          sql`EXISTS (SELECT 1 FROM turns WHERE id = ${id} AND attempt = ${attempt + 1}) AND ${isHeld(lease)}`,
          buckets,
          nowMs,
        ),
      ]);
      if (results[1]?.length === 1) return "started";
      const [open] = (results[0] ?? []) as { waitMs: number }[];
      if (!open) return "lost";
      return open.waitMs > 0 ? { tokensInMs: open.waitMs } : "full";
    },

    async controls(lease, { session, seq }) {
      const rows = await all<{ kind: ControlKind }>(sql`
        SELECT kind FROM controls WHERE session = ${session} AND upto_seq >= ${seq} AND ${isHeld(lease)}`);
      return rows.map(({ kind }) => kind);
    },

    dropControls: async (lease, { session }) =>
      (await all(sql`${deleteControls(session, isHeld(lease))} RETURNING id`)).length > 0,
  };
}

function merging({ all, atomic }: Database): Pick<Turns, "merge" | "heldBackUntil"> {
  return {
    async merge(lease, { session, seq, prompt }, whose) {
      const results = await atomic([
        sql`
          UPDATE turns SET state = 'delivered', ending = 'merged', merged_into = ${seq}
          WHERE session = ${session} AND state = 'queued' AND seq > ${seq}
            AND (${whose === "all" ? 1 : 0} = 1 OR sender = ${prompt.sender})
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
