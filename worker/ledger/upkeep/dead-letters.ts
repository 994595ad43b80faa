/** Dead letters: events, turns and deliveries that were given up, kept for an operator. */
import { BOUNDS } from "#core/bounds.ts";
import { parseJson } from "#core/protocol/json.ts";
import type { DeadLetter, OperatorLedger, StoredDeadLetter } from "#ports/operator.ts";
import { cutRaw, cutTo, jsonLists, storable } from "../sql/bulk.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";

export function deadLetters({ all }: Database): Pick<OperatorLedger, "addDeadLetter" | "deadLetters"> {
  return {
    async addDeadLetter({ kind, reason, raw }, nowMs) {
      await all(insertDeadLetter({ kind, reason, raw }, nowMs, sql`true`), "durable");
    },

    deadLetters: (limit, beforeId = Number.MAX_SAFE_INTEGER) =>
      all<StoredDeadLetter>(sql`
        SELECT id, kind, reason, raw, created_at_ms AS createdAtMs FROM dead_letters
        WHERE id < ${beforeId} ORDER BY id DESC LIMIT ${limit}`),
  };
}

const cutReason = (reason: string): string => cutTo(reason, BOUNDS.deadLetterReason.max);

/** A dead letter, written under the guard of the batch that gives up. */
export const insertDeadLetter = (
  letter: DeadLetter,
  nowMs: number | Sql,
  guard: Sql,
  eventId: string = eventIn(letter),
): Sql => sql`
  INSERT INTO dead_letters (kind, reason, raw, created_at_ms, event_id)
  SELECT ${letter.kind}, ${cutReason(letter.reason)}, ${cutRaw(letter.raw)}, ${nowMs}, ${eventId} WHERE ${guard}`;

/** Many dead letters. */
export const insertDeadLetters = (letters: readonly DeadLetter[], nowMs: number): Sql[] =>
  jsonLists(letters.map((letter) => [letter.kind, cutReason(letter.reason), cutRaw(letter.raw), eventIn(letter)])).map(
    (list) => sql`
      INSERT INTO dead_letters (kind, reason, raw, created_at_ms, event_id)
      SELECT value ->> 0, value ->> 1, value ->> 2, ${nowMs}, value ->> 3
      FROM json_each(${list}) WHERE true ORDER BY key`,
  );

/** The id of the event in a dead letter, by which a redaction finds it; empty where there is none. */
function eventIn({ kind, raw }: DeadLetter): string {
  if (kind !== "event") return "";
  const event = parseJson(raw);
  if (typeof event !== "object" || event === null || !("event_id" in event)) return "";
  return typeof event.event_id === "string" ? storable(event.event_id) : "";
}
