/** Facts about an event's sender, and about the events it refers to. */
import type { SenderFacts } from "#core/gate/facts.ts";
import { AgentId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { SenderQuery } from "#ports/rooms.ts";
import { type Database, sql } from "../sql/database.ts";

/** The latest replies of a room an echo is compared with. */
const SAID_MAX = 20;

interface Row {
  paired: string;
  replied: string | null;
  asked: string;
  threadAgent: string | null;
  holder: string | null;
  shared: number | null;
  atMs: number | null;
  marked: number;
}

export function senderLookups({ all }: Database): Pick<Ledger, "sender" | "wasSaid" | "pairs"> {
  // The agent of the outbox row, or its family, is not retired.
  const isAgent = sql`(
    EXISTS (SELECT 1 FROM agents WHERE agents.id = outbox.agent AND agents.retired = 0)
    OR EXISTS (SELECT 1 FROM agents WHERE family = 1 AND retired = 0 AND outbox.agent GLOB agents.id))`;
  return {
    async sender(roomId, { sender, target, threadRoot, ownKey }: SenderQuery) {
      const [row] = await all<Row>(sql`
        SELECT
          (SELECT json_group_array(agent) FROM grants WHERE user_id = ${sender}) AS paired,
          (SELECT agent FROM outbox
            WHERE event_id = ${target ?? null} AND agent <> '' AND ${isAgent} LIMIT 1) AS replied,
          (SELECT json_group_array(agent) FROM turns WHERE event_id = ${target ?? null}) AS asked,
          threads.agent AS threadAgent, threads.holder AS holder, threads.shared AS shared, threads.at_ms AS atMs,
          EXISTS (SELECT 1 FROM outbox WHERE key = ${ownKey ?? null}) AS marked
        FROM (SELECT 1) LEFT JOIN threads ON threads.room_id = ${roomId} AND threads.root = ${threadRoot ?? null}`);
      if (!row) throw new Error("the database has no row for the sender");
      return senderFacts(row);
    },

    async wasSaid(roomId, text, sinceMs) {
      const space = sql`' ' || char(9, 10, 13)`;
      const rows = await all(sql`
        SELECT 1 FROM (
          SELECT reply, answered_at_ms FROM turns
          WHERE room_id = ${roomId} AND reply IS NOT NULL ORDER BY seq DESC LIMIT ${SAID_MAX})
        WHERE answered_at_ms >= ${sinceMs} AND trim(reply, ${space}) = ${text.trim()} LIMIT 1`);
      return rows.length > 0;
    },

    async pairs(roomId, sender) {
      const rows = await all<{ agent: string; sinceMs: number; count: number; restUntilMs: number }>(sql`
        SELECT agent, since_ms AS sinceMs, count, rest_until_ms AS restUntilMs FROM pairs
        WHERE room_id = ${roomId} AND sender = ${sender}`);
      return new Map(rows.map(({ agent, ...count }) => [AgentId.parse(agent), count]));
    },
  };
}

const idsIn = (list: string): AgentId[] => (JSON.parse(list) as string[]).map((id) => AgentId.parse(id));

function senderFacts({ paired, replied, asked, threadAgent, holder, shared, atMs, marked }: Row): SenderFacts {
  const hold = {
    ...(threadAgent === null ? {} : { agent: AgentId.parse(threadAgent) }),
    ...(holder === null ? {} : { holder: UserId.parse(holder) }),
  };
  return {
    paired: idsIn(paired),
    askedAgents: idsIn(asked),
    bearsOurMark: marked === 1,
    ...(replied === null ? {} : { repliedAgent: AgentId.parse(replied) }),
    ...(atMs === null ? {} : { thread: { ...hold, shared: shared === 1, atMs } }),
  };
}
