/** Facts about an event's sender, and about the events it refers to. */

import type { PairCount } from "#core/access/pair-guard.ts";
import { BOUNDS } from "#core/bounds.ts";
import type { Asker, SenderFacts } from "#core/gate/facts.ts";
import type { DeliveryKey } from "#core/message/mark.ts";
import { AgentId, isOurs, type Namespace, type RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { SenderQuery } from "#ports/rooms.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { isAgentId } from "../sql/ghosts.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import { peopleBehind } from "../turns/turn-row.ts";
import type { RoomReader } from "./room-facts.ts";

/** In a chat of two no bridge can repeat a message. */
const ECHO_MEMBERS_MIN = 3;

/** A reply that is dated later than this after the time it is searched from was given while the clock was ahead. */
const ECHO_SPAN_MS = 60 * 60_000;

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
  /** A JSON list of users, each with the agents that know them. */
  askers: string;
}

export function senderFacts(
  { all, atomic, namespace }: Database,
  rooms: RoomReader,
): Pick<Ledger, "sender" | "eventFacts"> {
  return {
    sender: async (roomId, query) => readSender(namespace, await all(selectSender(namespace, roomId, query))),

    async eventFacts(roomId, query) {
      const [room, sender] = await atomic([rooms.select(roomId), selectSender(namespace, roomId, query)]);
      return { room: rooms.read(roomId, room), sender: readSender(namespace, sender) };
    },
  };
}

function selectSender(namespace: Namespace, roomId: RoomId, query: SenderQuery): Sql {
  const { sender, target, threadRoot, ownKey, echo } = query;
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
      ${echo && echo.texts.length > 0 ? isEcho(roomId, echo) : sql`0`} AS isEcho,
      ${ownKey && isOurs(namespace, sender) ? askersOf(ownKey, sender) : sql`'[]'`} AS askers
    FROM (SELECT 1) LEFT JOIN threads ON threads.room_id = ${roomId} AND threads.root = ${threadRoot ?? null}`;
}

/**
 * The people for whom an agent of ours said what has this delivery key: those for whom its turn was asked. By our own rows
 * alone; what an event says about it counts for nothing.
 */
function askersOf(key: DeliveryKey, userId: UserId): Sql {
  const answered = sql`
    SELECT turns.seq FROM outbox JOIN turns ON turns.id = outbox.turn_id
    WHERE outbox.key = ${key} AND outbox.user_id = ${userId}`;
  return sql`(
    SELECT json_group_array(json_array(who, (SELECT json_group_array(agent) || '' FROM grants WHERE user_id = who)))
    FROM (${peopleBehind(answered)} LIMIT ${BOUNDS.askers.max + 1}))`;
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
      WHERE answered_at_ms BETWEEN ${sinceMs} AND ${sinceMs + ECHO_SPAN_MS}
        AND trim(reply, ${space}) IN (SELECT value FROM json_each(${wanted}))))`;
}

function readSender(namespace: Namespace, rows: readonly unknown[] | undefined): SenderFacts {
  const [row] = (rows ?? []) as Row[];
  if (!row) throw new Error("the query for the sender returned no row");
  const { paired, replied, asked, atMs, markedRow, pairs, isEcho } = row;
  const askers = askersIn(namespace, row.askers);
  return {
    paired: idsIn(paired),
    askedAgents: idsIn(asked),
    pairs: pairsIn(pairs),
    isEcho: isEcho === 1,
    ...(askers ? { askers } : {}),
    ...(markedRow === null ? {} : { markedRow }),
    ...maybe("repliedAgent", AgentId.safeParse(replied).data),
    ...(atMs === null ? {} : { thread: { ...holdOf(row), shared: row.shared === 1, atMs } }),
  };
}

/** Undefined where nobody knows all of them: an agent stands for the people of a row of an older version. */
function askersIn(namespace: Namespace, list: string): Asker[] | undefined {
  const askers = (JSON.parse(list) as [unknown, string][]).map(([id, paired]) => {
    const userId = UserId.safeParse(id).data;
    return userId && !isOurs(namespace, userId) ? { userId, paired: idsIn(paired) } : undefined;
  });
  const known = askers.filter((asker) => asker !== undefined);
  const areAllKnown = known.length === askers.length && known.length > 0 && known.length <= BOUNDS.askers.max;
  return areAllKnown ? known : undefined;
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
