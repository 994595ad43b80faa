/** Stores a turn's reply, or its end without one. */
import type { Lease } from "#core/turn/lane.ts";
import { markdownOf, type SessionKey, type TurnId } from "#core/turn/turn.ts";
import type { Lack, TurnLedger } from "#ports/turns.ts";
import { type Database, isHeld, releaseUnless, type Sql, sessionOf, sql } from "../sql/database.ts";
import { storedReply } from "../sql/stored.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import { insertDeadLetter } from "../upkeep/dead-letters.ts";
import type { CurrentTurns } from "./current-turn.ts";
import { insertPlain } from "./outbox.ts";
import { grantedOf, grantPlaces } from "./places.ts";
import { emptiedReply, IS_OPEN } from "./turn-row.ts";

export function endings(
  { atomic }: Database,
  current: CurrentTurns,
): Pick<TurnLedger, "storeAnswer" | "endTurn" | "markDelivered"> {
  return {
    async storeAnswer(lease, turnId, { reply, rows, lack, nowMs }) {
      const isMine = sql`EXISTS (SELECT 1 FROM turns WHERE id = ${turnId} AND ${IS_OPEN}) AND ${isHeld(lease)}`;
      const results = await atomic([
        // Before the turn is answered: rows and dead letters are written only if the turn is still open.
        ...insertPlain(rows, isMine),
        ...deadLettersOf(lack, nowMs, isMine),
        deleteControls(sessionOf(lease), isMine),
        sql`
          UPDATE turns
          SET state = 'answered', reply_kind = ${reply.kind}, reply = ${storedReply(markdownOf(reply.parts))},
            ending = ${lack?.ending ?? null}, not_before_ms = 0, waits_for = NULL, answered_at_ms = ${nowMs}
          WHERE id = ${turnId} AND ${IS_OPEN} AND ${isHeld(lease)} RETURNING id`,
        grantPlaces(nowMs),
      ]);
      return grantedBy(results);
    },

    async endTurn(lease, turnId, lack, nowMs) {
      const results = await atomic([
        ...deadLettersOf(lack, nowMs, canEnd(lease, turnId)),
        deleteControls(sessionOf(lease), canEnd(lease, turnId)),
        sql`
          UPDATE turns SET state = 'delivered', ending = ${lack.ending}, ${emptiedReply(sql`reply_redacted = 1`)}
          WHERE id = ${turnId} AND state <> 'delivered' AND ${isHeld(lease)} RETURNING id`,
        grantPlaces(nowMs),
      ]);
      return grantedBy(results);
    },

    async markDelivered(lease, { id }, out) {
      const [ended, next, , released] = await atomic([
        sql`
          UPDATE turns SET state = 'delivered' WHERE id = ${id} AND state = 'answered' AND ${isHeld(lease)}
            AND NOT EXISTS (SELECT 1 FROM outbox WHERE lane = ${out} AND turn_id = ${id} AND ${IS_UNSENT})
          RETURNING id`,
        current.select(sessionOf(lease), isHeld(lease)),
        // Apart from the rest: it rewrites the row's place in the index of replies, which is paid for on D1.
        sql`UPDATE turns SET ${emptiedReply(sql`true`)} WHERE id = ${id} AND state = 'delivered' AND reply_redacted = 1`,
        releaseUnless(lease, sql`SELECT 1 FROM turns WHERE session = ${sessionOf(lease)} AND state <> 'delivered'`),
      ]);
      return {
        isDelivered: ended?.length === 1,
        next: await current.read(lease, next),
        isReleased: released?.length === 1,
      };
    },
  };
}

/** The sessions that may begin; undefined where the statement before the grant wrote nothing. */
const grantedBy = (results: readonly unknown[][]): SessionKey[] | undefined =>
  results.at(-2)?.length === 1 ? grantedOf(results.at(-1)) : undefined;

/** In the batch with their effect, so that a crash in between forgets none. */
export const deleteControls = (session: SessionKey, guard: Sql): Sql => sql`
  DELETE FROM controls WHERE session = ${session} AND ${guard}`;

const canEnd = (lease: Lease, turnId: TurnId): Sql =>
  sql`EXISTS (SELECT 1 FROM turns WHERE id = ${turnId} AND state <> 'delivered') AND ${isHeld(lease)}`;

const deadLettersOf = (lack: Lack | undefined, nowMs: number, guard: Sql): Sql[] =>
  lack?.deadLetter ? [insertDeadLetter(lack.deadLetter, nowMs, guard)] : [];
