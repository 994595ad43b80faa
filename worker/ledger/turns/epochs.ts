/** Sessions that `!new` began anew, and the turns that wait in a session. */
import { TurnId } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { WaitingTurns } from "#ports/turns.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";

export function epochs({ all }: Database): Pick<Ledger, "epoch" | "beginEpoch" | "waitingIn"> {
  return {
    async epoch(base) {
      const [row] = await all<WaitingRow & { epoch: number | null }>(sql`
        SELECT (SELECT epoch FROM epochs WHERE base = ${base}) AS epoch, ${waitingColumns(base)}`);
      return { epoch: row?.epoch ?? 0, waiting: waitingTurnsOf(row) };
    },

    async beginEpoch(base, epoch) {
      await all(sql`
        INSERT INTO epochs (base, epoch) VALUES (${base}, ${epoch})
        ON CONFLICT (base) DO UPDATE SET epoch = max(epochs.epoch, excluded.epoch)`);
    },

    waitingIn: async (session) => waitingTurnsOf((await all<WaitingRow>(sql`SELECT ${waitingColumns(session)}`))[0]),
  };
}

interface WaitingRow {
  count: number;
  oldest: string | null;
}

const waitingColumns = (session: string): Sql => sql`
  (SELECT count(*) FROM turns WHERE session = ${session} AND state <> 'delivered') AS count,
  (SELECT id FROM turns WHERE session = ${session} AND state <> 'delivered' ORDER BY seq LIMIT 1) AS oldest`;

function waitingTurnsOf(row: WaitingRow | undefined): WaitingTurns {
  const oldest = TurnId.safeParse(row?.oldest).data;
  return row && oldest ? { count: row.count, oldest } : { count: row?.count ?? 0 };
}
