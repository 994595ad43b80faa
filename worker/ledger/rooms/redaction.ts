/** What a redaction takes back: the message it names, in every state, and every copy of its text. */
import type { EventId, RoomId } from "#core/protocol/ids.ts";
import { type Sql, sql } from "../sql/database.ts";
import { emptiedReply } from "../turns/turn-row.ts";

/** Stands for the text of a message that was taken back. */
const REDACTED = "(redacted)";

/**
 * A redacted message asks no agent any more, and is neither history nor context. Only in the event's own room: the
 * homeserver checked the right to redact for this room and no other.
 */
export const redaction = (eventId: EventId, roomId: RoomId, guard: Sql): Sql[] => {
  const isIt = sql`event_id = ${eventId} AND room_id = ${roomId} AND ${guard}`;
  return [
    ...takenOutOfTurns(isIt),
    takenOutOfJoinedPrompts(sql`part.event_id = ${eventId} AND part.room_id = ${roomId} AND ${guard}`),
    sql`UPDATE turns SET prompt = ${REDACTED}, redacted = 1 WHERE ${isIt}`,
    replyTakenBack(eventId, roomId, guard),
    nameTakenBack(roomId, isIt),
    sql`UPDATE events SET event = '' WHERE verdict IS NOT NULL AND ${isIt}`,
    sql`
      UPDATE dead_letters SET raw = ${REDACTED}
      WHERE (event_id = ${eventId} OR event_id IS NULL AND instr(raw, ${eventId}) > 0)
        AND kind = 'event' AND instr(raw, ${roomId}) > 0 AND ${guard}`,
  ];
};

/** A turn that waits ends. One that has begun goes on; should it be attempted again, it asks what is left of it. */
const takenOutOfTurns = (isIt: Sql): Sql[] => [
  // Messages that were merged into its turn get back turns of their own.
  sql`
    UPDATE turns SET state = 'queued', ending = NULL, merged_into = NULL
    WHERE merged_into IN (SELECT seq FROM turns WHERE state = 'queued' AND ${isIt})`,
  sql`UPDATE turns SET state = 'delivered', ending = 'redacted' WHERE state = 'queued' AND ${isIt}`,
  sql`UPDATE turns SET ending = 'redacted', merged_into = NULL WHERE merged_into IS NOT NULL AND ${isIt}`,
];

/**
 * Rows from before migration 0004: the text of a merged message was joined to an earlier prompt of its session. It cannot
 * be taken out of there, so the whole prompt goes.
 */
const takenOutOfJoinedPrompts = (isPart: Sql): Sql => sql`
  UPDATE turns SET prompt = ${REDACTED}, redacted = 1
  WHERE seq IN (
    SELECT joined.seq FROM turns AS part JOIN turns AS joined ON joined.session = part.session AND joined.seq < part.seq
    WHERE part.ending = 'merged' AND part.merged_into IS NULL AND part.prompt <> '' AND ${isPart}
      AND instr(joined.prompt, char(10, 10)) > 0 AND instr(joined.prompt, part.prompt) > 0)`;

/** The reply that a message of ours belongs to. It is one text, so all of it leaves the history. */
const replyTakenBack = (eventId: EventId, roomId: RoomId, guard: Sql): Sql => sql`
  UPDATE turns SET reply_redacted = 1, ${emptiedReply(sql`state = 'delivered'`)}
  WHERE id IN (SELECT turn_id FROM outbox WHERE event_id = ${eventId}) AND room_id = ${roomId} AND ${guard}`;

/** A name or topic is forgotten with the state event that set it, as long as that one's content is stored. */
const nameTakenBack = (roomId: RoomId, isIt: Sql): Sql => {
  const saidIn = (key: "name" | "topic") => sql`
    EXISTS (
      SELECT 1 FROM events
      WHERE CASE WHEN json_valid(event) AND json_valid(rooms.state) THEN
        event ->> '$.type' = ${`m.room.${key}`}
        AND instr(event ->> ${`$.content.${key}`}, rooms.state ->> ${`$.${key}`}) > 0
      END AND ${isIt})`;
  const path = (key: "name" | "topic") => sql`CASE WHEN ${saidIn(key)} THEN ${`$.${key}`} ELSE '$.none' END`;
  return sql`
    UPDATE rooms SET state = json_remove(state, ${path("name")}, ${path("topic")})
    WHERE room_id = ${roomId} AND (${saidIn("name")} OR ${saidIn("topic")})`;
};
