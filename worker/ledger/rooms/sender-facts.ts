/** Facts about an event's sender, and about the events it refers to. */

import type { PairCount } from "#core/access/pair-guard.ts";
import { BOUNDS } from "#core/bounds.ts";
import type { SenderFacts } from "#core/gate/facts.ts";
import { AgentId, type RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { SenderQuery } from "#ports/rooms.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { isAgentId } from "../sql/ghosts.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import type { RoomReader } from "./room-facts.ts";

/** In a chat of two no bridge can repeat a message. */
const ECHO_MEMBERS_MIN = 3;

interface Row {
  paired: string;
  replied: string | null;
  asked: string;
  threadAgent: string | null;
  holder: string | null;
  shared: number | null;
  atMs: number | null;
  markedRow: "open" | "ended" | null;
  pairs: string;
  isEcho: number;
}

export function senderFacts({ all, atomic }: Database, rooms: RoomReader): Pick<Ledger, "sender" | "eventFacts"> {
  return {
    sender: async (roomId, query) => readSender(await all(selectSender(roomId, query))),

    async eventFacts(roomId, query) {
      const [room, sender] = await atomic([rooms.select(roomId), selectSender(roomId, query)]);
      return { room: rooms.read(roomId, room), sender: readSender(sender) };
    },
  };
}

function selectSender(roomId: RoomId, { sender, target, threadRoot, ownKey, echo }: SenderQuery): Sql {
  return sql`
    SELECT
      (SELECT json_group_array(agent) FROM grants WHERE user_id = ${sender}) AS paired,
      (SELECT agent FROM outbox WHERE event_id = ${target ?? null} AND agent <> '' AND ${isAgentId(sql`outbox.agent`)} LIMIT 1) AS replied,
      (SELECT json_group_array(agent) FROM turns WHERE event_id = ${target ?? null}) AS asked,
      threads.agent AS threadAgent, threads.holder AS holder, threads.shared AS shared, threads.at_ms AS atMs,
      (SELECT CASE WHEN ${IS_UNSENT} THEN 'open' ELSE 'ended' END
        FROM outbox WHERE key = ${ownKey ?? null}) AS markedRow,
      (SELECT json_group_array(json_array(agent, since_ms, count, rest_until_ms)) FROM pairs
        WHERE room_id = ${roomId} AND sender = ${sender}) AS pairs,
      ${echo && echo.texts.length > 0 ? isEcho(roomId, echo) : sql`0`} AS isEcho
    FROM (SELECT 1) LEFT JOIN threads ON threads.room_id = ${roomId} AND threads.root = ${threadRoot ?? null}`;
}

function isEcho(roomId: RoomId, { texts, sinceMs }: NonNullable<SenderQuery["echo"]>): Sql {
  const space = sql`' ' || char(9, 10, 13)`;
  const wanted = JSON.stringify(texts.map((text) => text.trim()));
  return sql`(
    (SELECT count(*) FROM (
      SELECT 1 FROM members WHERE room_id = ${roomId} AND membership = 'join' LIMIT ${ECHO_MEMBERS_MIN}
    )) = ${ECHO_MEMBERS_MIN}
    AND EXISTS (
      SELECT 1 FROM (
        SELECT reply, answered_at_ms FROM turns
        WHERE room_id = ${roomId} AND reply IS NOT NULL ORDER BY seq DESC LIMIT ${BOUNDS.repliesCompared.max})
      WHERE answered_at_ms >= ${sinceMs} AND trim(reply, ${space}) IN (SELECT value FROM json_each(${wanted}))))`;
}

function readSender(rows: readonly unknown[] | undefined): SenderFacts {
  const [row] = (rows ?? []) as Row[];
  if (!row) throw new Error("the query for the sender returned no row");
  const { paired, replied, asked, atMs, markedRow, pairs, isEcho } = row;
  return {
    paired: idsIn(paired),
    askedAgents: idsIn(asked),
    pairs: pairsIn(pairs),
    isEcho: isEcho === 1,
    ...(markedRow === null ? {} : { markedRow }),
    ...maybe("repliedAgent", AgentId.safeParse(replied).data),
    ...(atMs === null ? {} : { thread: { ...holdOf(row), shared: row.shared === 1, atMs } }),
  };
}

/** Ids that are none are left out: a grant or a thread of nobody. */
const idsIn = (list: string): AgentId[] =>
  (JSON.parse(list) as unknown[]).flatMap((id) => AgentId.safeParse(id).data ?? []);

const maybe = <Name extends string, T>(name: Name, value: T | undefined): { [key in Name]?: T } =>
  value === undefined ? {} : ({ [name]: value } as { [key in Name]: T });

const pairsIn = (list: string): Map<AgentId, PairCount> =>
  new Map(
    (JSON.parse(list) as [unknown, number, number, number][]).flatMap(([id, sinceMs, count, restUntilMs]) => {
      const agent = AgentId.safeParse(id).data;
      return agent ? [[agent, { sinceMs, count, restUntilMs }] as const] : [];
    }),
  );

const holdOf = ({ threadAgent, holder }: Row) => ({
  ...maybe("agent", AgentId.safeParse(threadAgent).data),
  ...maybe("holder", UserId.safeParse(holder).data),
});
