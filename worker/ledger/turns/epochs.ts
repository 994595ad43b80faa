/** Sessions that `!new` began anew, and the turns that wait in a session. */
import { UserId } from "#core/protocol/ids.ts";
import { type SessionKey, TurnId } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Asker, SessionEpoch, WaitingTurns } from "#ports/turns.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";

export function epochs({ all }: Database): Pick<Ledger, "epoch" | "beginEpoch" | "waitingIn"> {
  return {
    async epoch(base, former, asker) {
      const rows = await all<EpochRow>(sql`
        SELECT value AS base, coalesce((SELECT epoch FROM epochs WHERE base = value), 0) AS epoch,
          ${sessionColumns(sql`value`)}, open.*
        FROM (${openTurns(asker)}) AS open, json_each(${JSON.stringify([base, ...(former ? [former] : [])])})`);
      const of = (key: SessionKey) => rows.find((row) => row.base === key);
      const row = of(base);
      const open = { sender: row?.ofSender ?? 0, room: row?.inRoom ?? 0, all: row?.inAll ?? 0 };
      const own = { ...epochOf(row), open };
      const old = former && of(former);
      return old && (old.epoch > 0 || old.last !== null) ? { ...own, former: epochOf(old) } : own;
    },

    async beginEpoch(base, { epoch, session, atMs }) {
      await all(sql`
        INSERT INTO epochs (base, epoch, session, at_ms) VALUES (${base}, ${epoch}, ${session}, ${atMs})
        ON CONFLICT (base) DO UPDATE SET epoch = excluded.epoch, session = excluded.session, at_ms = excluded.at_ms
          WHERE excluded.epoch > epochs.epoch`);
    },

    async waitingIn(session) {
      const [row] = await all<SessionRow>(sql`SELECT ${sessionColumns(sql`${session}`)}`);
      return waitingTurnsOf(row);
    },
  };
}

interface SessionRow {
  count: number;
  oldest: string | null;
  /** A JSON list: the sender of the latest turn, and 1 for a direct chat. */
  last: string | null;
}
type EpochRow = SessionRow & { base: string; epoch: number; ofSender: number; inRoom: number; inAll: number };

const openTurns = (asker: Asker | undefined): Sql =>
  asker
    ? sql`
      SELECT count(*) AS inAll, total(sender = ${asker.sender}) AS ofSender, total(room_id = ${asker.roomId}) AS inRoom
      FROM turns WHERE state <> 'delivered'`
    : sql`SELECT 0 AS inAll, 0 AS ofSender, 0 AS inRoom`;

const sessionColumns = (session: Sql): Sql => sql`
  (SELECT count(*) FROM turns WHERE session = ${session} AND state <> 'delivered') AS count,
  (SELECT id FROM turns WHERE session = ${session} AND state <> 'delivered' ORDER BY seq LIMIT 1) AS oldest,
  (SELECT json_array(sender, direct) FROM turns WHERE session = ${session} ORDER BY seq DESC LIMIT 1) AS last`;

const epochOf = (row: EpochRow | undefined): SessionEpoch => ({
  epoch: row?.epoch ?? 0,
  waiting: waitingTurnsOf(row),
});

function waitingTurnsOf(row: SessionRow | undefined): WaitingTurns {
  const oldest = TurnId.safeParse(row?.oldest).data;
  const [by, direct] = JSON.parse(row?.last ?? "[]") as unknown[];
  const sender = UserId.safeParse(by).data;
  return {
    count: row?.count ?? 0,
    ...(oldest ? { oldest } : {}),
    ...(sender ? { last: { sender, direct: direct === 1 } } : {}),
  };
}
