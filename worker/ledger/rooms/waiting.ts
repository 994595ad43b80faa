/** Events that wait for a verdict. */
import { RoomEvent } from "#core/protocol/event.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { RoomLedger } from "#ports/rooms.ts";
import { type Database, isHeld, roomOf, type Sql, sql } from "../sql/database.ts";

export function waitingEvents({ all }: Database): Pick<RoomLedger, "nextEvents"> {
  return {
    async nextEvents(lease, limit) {
      return waitingOf(await all(selectWaiting(roomOf(lease), isHeld(lease), limit)));
    },
  };
}

/** The oldest undecided events of a room. `isMine`: the room's lane is leased by the reader. */
export const selectWaiting = (roomId: string, isMine: Sql, limit: number): Sql => sql`
  SELECT seq, event, received_at_ms AS receivedAtMs FROM events
  WHERE room_id = ${roomId} AND verdict IS NULL AND ${isMine}
  ORDER BY coalesce(after_seq + 0.5, seq), seq LIMIT ${limit}`;

export const waitingOf = (rows: readonly unknown[] | undefined): WaitingEvent[] =>
  ((rows ?? []) as { seq: number; event: string; receivedAtMs: number }[]).map((row) => ({
    ...row,
    event: RoomEvent.parse(JSON.parse(row.event)),
  }));
