/** What was learnt about the servers of backends. It is read along with the turn, so that it costs no statement. */
import { parseJson } from "#core/protocol/json.ts";
import { LearntEntries } from "#core/turn/learnt.ts";
import type { LearntLedger } from "#ports/turns.ts";
import { type Database, isHeld, sql } from "../sql/database.ts";
import { storedJson } from "../sql/stored.ts";

export function learntRows({ all }: Database): LearntLedger {
  return {
    async setLearnt(lease, agent, entries, nowMs) {
      await all(sql`
        INSERT INTO learnt (agent, entries, at_ms)
        SELECT ${agent}, ${storedJson("what was learnt", LearntEntries, entries)}, ${nowMs} WHERE ${isHeld(lease)}
        ON CONFLICT (agent) DO UPDATE SET entries = excluded.entries, at_ms = excluded.at_ms`);
    },

    async learnt(agent) {
      const [row] = await all<{ entries: string }>(sql`SELECT entries FROM learnt WHERE agent = ${agent}`);
      return learntIn(row?.entries ?? null);
    },
  };
}

/** What cannot be read is learnt again. */
export const learntIn = (text: string | null): LearntEntries =>
  (text === null ? undefined : LearntEntries.safeParse(parseJson(text)).data) ?? [];
