/** The messages around a turn's prompt. */
import { BOUNDS } from "#core/bounds.ts";
import { UNQUOTED_REASONS } from "#core/gate/reasons.ts";
import { RoomEvent } from "#core/protocol/event.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import { parseJson } from "#core/protocol/json.ts";
import type { Ledger } from "#ports/ledger.ts";
import { type Database, literals, sql } from "../sql/database.ts";
import { ghostSql } from "../sql/ghosts.ts";
import { parsedAtOnce } from "../sql/stored.ts";

const BEFORE_MAX = BOUNDS.contextRows.max;
const AROUND_MAX = BOUNDS.contextRowsAround.max;

/** Undefined where the content was emptied, and where it cannot be read. */
const eventIn = (text: string): RoomEvent | undefined => RoomEvent.safeParse(parseJson(text)).data;

/** Excludes events by their verdict: commands, echoes, and those that no agent may see. */
const IS_HEARD = sql`verdict NOT IN ${literals(UNQUOTED_REASONS)} AND verdict NOT GLOB 'command_*'`;

const PLACE = sql`coalesce(events.after_seq + 0.5, events.seq)`;

export function chatter({ all, namespace }: Database): Pick<Ledger, "event" | "isFirst" | "chatter"> {
  const { isOurs } = ghostSql(namespace);
  /** The last time that somebody joined before the prompt, as far back as is looked. */
  const lastJoin = (roomId: RoomId) => sql`
    SELECT events.seq AS seq FROM span CROSS JOIN events
    WHERE events.seq > span.low AND events.seq < span.place AND room_id = ${roomId}
      AND CASE WHEN json_valid(event) THEN
        event ->> '$.type' = 'm.room.member' AND event ->> '$.content.membership' = 'join'
        AND coalesce(event ->> '$.unsigned.prev_content.membership', '') <> 'join'
        AND NOT ${isOurs(sql`(event ->> '$.state_key')`)}
      END`;
  return {
    async event(eventId) {
      const [row] = await all<{ event: string }>(sql`SELECT event FROM events WHERE event_id = ${eventId}`);
      return row && eventIn(row.event);
    },

    async isFirst({ session, seq }) {
      const rows = await all(sql`SELECT 1 FROM turns WHERE session = ${session} AND seq < ${seq} LIMIT 1`);
      return rows.length === 0;
    },

    async chatter({ session, seq, agent, roomId, threadRoot, prompt }, limit, since) {
      const relation = sql`event ->> '$.content."m.relates_to".rel_type'`;
      // A prompt that begins a thread stands in the room itself, and so do the messages before it.
      const isThere =
        threadRoot === undefined || threadRoot === prompt.eventId
          ? sql`coalesce(${relation}, '') NOT IN ('m.thread', 'm.replace')`
          : sql`${relation} = 'm.thread' AND event ->> '$.content."m.relates_to".event_id' = ${threadRoot}`;
      const rows = await all<{ event: string }>(sql`
        WITH
          own AS (SELECT seq, ${PLACE} AS place FROM events WHERE event_id = ${prompt.eventId}),
          past AS (
            SELECT seq, ${PLACE} AS place FROM events
            WHERE event_id = (
              SELECT event_id FROM turns WHERE session = ${session} AND seq < ${seq} ORDER BY seq DESC LIMIT 1)),
          span AS (
            SELECT own.seq AS seq, own.place AS place,
              coalesce(past.place, 0) AS pastPlace, coalesce(past.seq, 0) AS pastSeq,
              max(coalesce(past.place, 0), own.place - ${BEFORE_MAX}) AS low
            FROM own LEFT JOIN past ON true),
          bound AS MATERIALIZED (SELECT coalesce(max(seq), 0) AS seq FROM (${since === "lastJoin" ? lastJoin(roomId) : sql`SELECT 0 AS seq`}))
        SELECT event FROM span CROSS JOIN events
        WHERE (events.seq > span.low AND events.seq < span.place
            OR events.seq > span.seq - ${AROUND_MAX} AND events.seq < span.seq + ${AROUND_MAX})
          AND room_id = ${roomId} AND verdict IS NOT NULL AND ${IS_HEARD}
          AND ${PLACE} > (SELECT bound.seq FROM bound)
          AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.event_id = events.event_id AND turns.agent = ${agent})
          AND (${PLACE}, events.seq) > (span.pastPlace, span.pastSeq)
          AND (${PLACE}, events.seq) < (span.place, span.seq)
          AND CASE WHEN json_valid(event) THEN
            event ->> '$.type' = 'm.room.message' AND json_type(event, '$.content.body') = 'text'
            AND coalesce(event ->> '$.content.msgtype', '') <> 'm.notice' AND ${isThere}
            AND NOT ${isOurs(sql`(event ->> '$.sender')`)}
          END
        ORDER BY ${PLACE} DESC, events.seq DESC LIMIT ${limit}`);
      // Where they are large, the latest fill the preface.
      return parsedAtOnce(rows)
        .flatMap(({ event }) => eventIn(event) ?? [])
        .reverse();
    },
  };
}
