/** Agents and the ghosts they have on the homeserver. */
import { Agent } from "#core/agent.ts";
import { UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports";
import { jsonLists } from "./bulk.ts";
import { type Database, sql } from "./database.ts";

/** Agents as they were read last: a message reads its agent some times, and most agents are what they were. */
const AGENTS_READ_MAX = 500;

export function agentRows({
  all,
  atomic,
}: Database): Pick<Ledger, "agent" | "agents" | "setAgents" | "ghost" | "setGhost"> {
  const read = new Map<string, Agent>();
  const parsed = (text: string): Agent => {
    const known = read.get(text);
    if (known) return known;
    const agent = Agent.parse(JSON.parse(text));
    if (read.size >= AGENTS_READ_MAX) read.clear();
    read.set(text, agent);
    return agent;
  };
  return {
    async agent(id) {
      const [row] = await all<{ agent: string }>(sql`SELECT agent FROM agents WHERE id = ${id} AND retired = 0`);
      return row && parsed(row.agent);
    },

    async agents() {
      const rows = await all<{ agent: string }>(sql`SELECT agent FROM agents WHERE retired = 0 ORDER BY id`);
      return rows.map((row) => parsed(row.agent));
    },

    async setAgents(list) {
      const ids = JSON.stringify(list.map((agent) => agent.id));
      const rows = jsonLists(list.map((agent) => [agent.id, JSON.stringify(agent)]));
      await atomic([
        sql`UPDATE agents SET retired = 1 WHERE id NOT IN (SELECT value FROM json_each(${ids}))`,
        ...rows.map(
          (some) => sql`
            INSERT INTO agents (id, agent, retired)
            SELECT value ->> 0, value ->> 1, 0 FROM json_each(${some}) WHERE true ORDER BY key
            ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, retired = 0`,
        ),
      ]);
    },

    async ghost(userId) {
      const [row] = await all<{ deviceId: string; profile: string | null }>(sql`
        SELECT device_id AS deviceId, profile FROM ghosts WHERE user_id = ${userId}`);
      if (!row) return undefined;
      const { deviceId, profile } = row;
      return { userId: UserId.parse(userId), deviceId, ...(profile === null ? {} : { profile }) };
    },

    async setGhost({ userId, deviceId, profile }) {
      await all(sql`
        INSERT INTO ghosts (user_id, device_id, profile) VALUES (${userId}, ${deviceId}, ${profile ?? null})
        ON CONFLICT (user_id) DO UPDATE SET device_id = excluded.device_id, profile = excluded.profile`);
    },
  };
}
