/** Dead letters: events, turns and deliveries that were given up, kept for an operator. */
import { BOUNDS } from "#core/bounds.ts";
import { isFamily } from "#core/configuration/configuration.ts";
import { parseJson } from "#core/protocol/json.ts";
import type { DeadLetter, OperatorLedger, StoredDeadLetter } from "#ports/operator.ts";
import { cutRaw, cutTo, jsonLists, storable } from "../sql/bulk.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";

export function deadLetters({ all }: Database): Pick<OperatorLedger, "addDeadLetter" | "deadLetters" | "lastFailure"> {
  return {
    async addDeadLetter({ kind, reason, raw }, nowMs) {
      await all(insertDeadLetter({ kind, reason, raw }, nowMs, sql`true`), "durable");
    },

    deadLetters: (limit, beforeId = Number.MAX_SAFE_INTEGER) =>
      all<StoredDeadLetter>(sql`
        SELECT id, kind, reason, raw, created_at_ms AS createdAtMs FROM dead_letters
        WHERE id < ${beforeId} ORDER BY id DESC LIMIT ${limit}`),

    async lastFailure(agent) {
      const [before = "", after = ""] = agent.split("*");
      const isIt = isFamily(agent)
        ? sql`substr(turns.agent, 1, ${before.length}) = ${before} AND substr(turns.agent, length(turns.agent) - ${after.length - 1}) = ${after}`
        : sql`turns.agent = ${agent}`;
      // The turn in a letter is looked up by its id; there are not many letters.
      const [row] = await all<Pick<StoredDeadLetter, "reason" | "createdAtMs">>(sql`
        SELECT reason, created_at_ms AS createdAtMs FROM dead_letters CROSS JOIN turns ON turns.id = dead_letters.raw
        WHERE dead_letters.kind = 'turn' AND ${isIt} ORDER BY dead_letters.id DESC LIMIT 1`);
      return row;
    },
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
