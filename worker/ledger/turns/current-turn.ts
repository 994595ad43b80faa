/** The oldest open turn of a session, with everything that its next step needs. */
import { AgentId, UserId } from "#core/protocol/ids.ts";
import type { CurrentTurn } from "#ports/turns.ts";
import { type AgentTexts, agentOf, ghostOf } from "../configuration/agents.ts";
import { layerColumns, type ResolvePlace } from "../configuration/resolve.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { ghostSql, specOf } from "../sql/ghosts.ts";
import { columnsOf, type TurnRow, turnOf } from "./turn-row.ts";

type Row = TurnRow &
  AgentTexts & { hasControls: number; ghost: string; deviceId: string | null; profile: string | null };

/** Reads the turn, its agent at the turn's room, and the agent's ghost in one statement. */
export function currentTurns({ namespace }: Pick<Database, "namespace">, resolvePlace: ResolvePlace) {
  const { userId } = ghostSql(namespace);
  return {
    /** `isMine`: the session's lane is leased by the reader. */
    select: (session: string, isMine: Sql): Sql => sql`
      SELECT ${columnsOf(sql`open_turn`)}, ${layerColumns(sql`open_turn.room_id`)},
        json_remove(spec, '$.avatar') AS spec, spec -> '$.avatar' AS avatar,
        EXISTS (SELECT 1 FROM controls WHERE controls.session = open_turn.session) AS hasControls,
        open_turn.ghost AS ghost, ghosts.device_id AS deviceId, ghosts.profile AS profile
      FROM (
        SELECT *, ${userId(sql`agent`)} AS ghost, ${specOf(sql`turns.agent`, sql`agents.agent`)} AS spec
        FROM turns
        WHERE session = ${session} AND state <> 'delivered' AND ${isMine} ORDER BY seq LIMIT 1) AS open_turn
      LEFT JOIN ghosts ON ghosts.user_id = open_turn.ghost`,

    read(rows: readonly unknown[] | undefined): CurrentTurn | undefined {
      const [row] = (rows ?? []) as Row[];
      if (!row) return undefined;
      const { agent, ghost, deviceId, profile, hasControls } = row;
      return {
        turn: turnOf(row),
        hasControls: hasControls === 1,
        agent: agentOf(resolvePlace, AgentId.parse(agent), row),
        ghost: deviceId === null ? undefined : ghostOf(UserId.parse(ghost), deviceId, profile),
      };
    },
  };
}

export type CurrentTurns = ReturnType<typeof currentTurns>;
