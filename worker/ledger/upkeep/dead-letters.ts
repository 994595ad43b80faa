/** Dead letters: events, turns and deliveries that were given up, kept for an operator. */
import type { DeadLetter, OperatorLedger, StoredDeadLetter } from "#ports/operator.ts";
import { cutRaw } from "../sql/bulk.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";

export function deadLetters({ all }: Database): Pick<OperatorLedger, "addDeadLetter" | "deadLetters"> {
  return {
    async addDeadLetter({ kind, reason, raw }, nowMs) {
      await all(
        sql`
        INSERT INTO dead_letters (kind, reason, raw, created_at_ms)
        VALUES (${kind}, ${reason}, ${cutRaw(raw)}, ${nowMs})`,
        "durable",
      );
    },

    deadLetters: (limit) =>
      all<StoredDeadLetter>(sql`
        SELECT id, kind, reason, raw, created_at_ms AS createdAtMs FROM dead_letters ORDER BY id DESC LIMIT ${limit}`),
  };
}

/** A dead letter that is written in the batch that gives up, under the same guard. */
export const insertDeadLetter = ({ kind, reason, raw }: DeadLetter, nowMs: number, guard: Sql): Sql => sql`
  INSERT INTO dead_letters (kind, reason, raw, created_at_ms)
  SELECT ${kind}, ${reason}, ${cutRaw(raw)}, ${nowMs} WHERE ${guard}`;
