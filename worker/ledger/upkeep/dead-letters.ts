/** What was given up, kept for an operator. */

import type { Ledger } from "#ports/ledger.ts";
import type { DeadLetter, StoredDeadLetter } from "#ports/operator.ts";
import { cutRaw } from "../sql/bulk.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";

export function deadLetters({ all }: Database): Pick<Ledger, "addDeadLetter" | "deadLetters"> {
  return {
    async addDeadLetter({ kind, reason, raw }, nowMs) {
      await all(
        sql`
        INSERT INTO dead_letters (kind, reason, raw, created_at_ms) VALUES (${kind}, ${reason}, ${cutRaw(raw)}, ${nowMs})`,
        "durable",
      );
    },

    deadLetters: (limit) =>
      all<StoredDeadLetter>(sql`
        SELECT id, kind, reason, raw, created_at_ms AS createdAtMs FROM dead_letters ORDER BY id DESC LIMIT ${limit}`),
  };
}

/** What is given up with something else, and only if that is. */
export const insertDeadLetter = ({ kind, reason, raw }: DeadLetter, guard: Sql): Sql => sql`
  INSERT INTO dead_letters (kind, reason, raw, created_at_ms)
  SELECT ${kind}, ${reason}, ${cutRaw(raw)}, ${Date.now()} WHERE ${guard}`;
