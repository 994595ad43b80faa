/** The oldest open turn of a session, with everything that its next step needs. */
import { BOUNDS } from "#core/bounds.ts";
import { UserId } from "#core/protocol/ids.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Lease } from "#core/turn/lane.ts";
import type { CurrentTurn } from "#ports/turns.ts";
import { type AgentTexts, agentOf, ghostOf } from "../configuration/agents.ts";
import { learntIn } from "../configuration/learnt.ts";
import { layerColumns, type ResolvePlace } from "../configuration/resolve.ts";
import { isHeld, leasedUntil, type Sql, sessionOf, sql } from "../sql/database.ts";
import { avatarIn, ghostSql, specOf, withoutAvatar } from "../sql/ghosts.ts";
import type { NotingDatabase } from "../sql/noted.ts";
import { columnsOf, type TurnRow, turnOf, type UnreadableTurn } from "./turn-row.ts";
import { burial, isOver, leftAlone } from "./unreadable-turns.ts";

type Row = TurnRow &
  AgentTexts & {
    hasControls: number;
    ghost: string;
    deviceId: string | null;
    profile: string | null;
    learnt: string | null;
  };

/** Reads the turn, its agent at the turn's room, and the agent's ghost in one statement. */
export function currentTurns(database: NotingDatabase, resolvePlace: ResolvePlace) {
  const { userId } = ghostSql(database.namespace);
  /** `isMine`: the session's lane is leased by the reader. */
  const select = (session: string, isMine: Sql): Sql => sql`
      SELECT ${columnsOf(sql`open_turn`)}, ${layerColumns(sql`open_turn.room_id`)},
        ${withoutAvatar(sql`spec`)} AS spec, ${avatarIn(sql`spec`)} AS avatar,
        EXISTS (
          SELECT 1 FROM controls WHERE controls.session = open_turn.session AND upto_seq >= open_turn.seq
        ) AS hasControls,
        open_turn.ghost AS ghost, ghosts.device_id AS deviceId, ghosts.profile AS profile,
        (SELECT entries FROM learnt WHERE learnt.agent = CASE WHEN json_valid(spec) THEN spec ->> '$.id' END) AS learnt
      FROM (
        SELECT *, ${userId(sql`agent`)} AS ghost, ${specOf(sql`turns.agent`, sql`agents.agent`)} AS spec
        FROM turns
        WHERE session = ${session} AND state <> 'delivered' AND ${isMine} ORDER BY seq LIMIT 1) AS open_turn
      LEFT JOIN ghosts ON ghosts.user_id = open_turn.ghost`;
  const buryIt = burier(database, select);
  return {
    select,

    /**
     * The turn of the row. One that cannot be read is ended here, as a dead letter and with a sentence to the room, and the
     * session goes on with the next one.
     */
    async read(lease: Lease, found: readonly unknown[] | undefined): Promise<CurrentTurn | undefined> {
      let rows = found;
      for (let buried = 0; buried < BOUNDS.unreadableAtOnce.max; buried++) {
        const [row] = (rows ?? []) as Row[];
        if (!row) return undefined;
        const current = currentOf(resolvePlace, row);
        if (current.ok) return current.value;
        rows = await buryIt(lease, row, current.error);
      }
      return undefined;
    },
  };
}

/** The rows that follow; none while a newer version has time left to take this one. */
function burier({ namespace, atomic, noted }: NotingDatabase, select: (session: string, isMine: Sql) => Sql) {
  return async (lease: Lease, row: Row, { wrong, isNewer }: UnreadableTurn): Promise<readonly unknown[]> => {
    noted.note({ table: "turns", key: row.id, wrong });
    const may = isNewer ? sql`${isHeld(lease)} AND ${isOver(lease, row)}` : isHeld(lease);
    const results = await atomic([
      ...(isNewer ? [leftAlone(lease, row)] : []),
      ...burial(namespace, row, wrong, leasedUntil(lease), may),
      select(sessionOf(lease), isHeld(lease)),
    ]);
    const [next] = (results.at(-1) ?? []) as Row[];
    return next && next.seq !== row.seq ? [next] : [];
  };
}

function currentOf(resolvePlace: ResolvePlace, row: Row): Result<CurrentTurn, UnreadableTurn> {
  const turn = turnOf(row);
  if (!turn.ok) return turn;
  const { agent: id } = turn.value;
  const ghost = UserId.safeParse(row.ghost).data;
  if (!ghost) return err({ wrong: "agent: it has no user id", isNewer: false });
  return ok({
    turn: turn.value,
    hasControls: row.hasControls === 1,
    agent: agentOf(resolvePlace, id, row),
    ghost: row.deviceId === null ? undefined : ghostOf(ghost, row.deviceId, row.profile),
    learnt: learntIn(row.learnt),
  });
}

export type CurrentTurns = ReturnType<typeof currentTurns>;
