/** Epochs of sessions: which event began a session anew. */
import type { Ledger } from "#ports/ledger.ts";
import { type Database, sql } from "../sql/database.ts";

export function epochs({ all }: Database): Pick<Ledger, "epoch" | "beginEpoch"> {
  return {
    async epoch(base) {
      const [row] = await all<{ epoch: number }>(sql`SELECT epoch FROM epochs WHERE base = ${base}`);
      return row?.epoch ?? 0;
    },

    async beginEpoch(base, epoch) {
      await all(sql`
        INSERT INTO epochs (base, epoch) VALUES (${base}, ${epoch})
        ON CONFLICT (base) DO UPDATE SET epoch = max(epochs.epoch, excluded.epoch)`);
    },
  };
}
