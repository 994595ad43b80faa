/** Agents and the ghosts they have on the homeserver. */
import { and, asc, eq, sql } from "drizzle-orm";
import { Agent } from "#core/agent.ts";
import { UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports";
import { jsonLists } from "./bulk.ts";
import type { Database } from "./database.ts";
import { agents, ghosts } from "./schema.ts";

export function agentRows({
  db,
  atomic,
}: Database): Pick<Ledger, "agent" | "agents" | "setAgents" | "ghost" | "setGhost"> {
  return {
    async agent(id) {
      const [row] = await db
        .select({ agent: agents.agent })
        .from(agents)
        .where(and(eq(agents.id, id), eq(agents.retired, 0)))
        .limit(1);
      return row && Agent.parse(JSON.parse(row.agent));
    },

    async agents() {
      const rows = await db
        .select({ agent: agents.agent })
        .from(agents)
        .where(eq(agents.retired, 0))
        .orderBy(asc(agents.id));
      return rows.map((row) => Agent.parse(JSON.parse(row.agent)));
    },

    async setAgents(list) {
      const ids = JSON.stringify(list.map((agent) => agent.id));
      const rows = jsonLists(list.map((agent) => [agent.id, JSON.stringify(agent)]));
      await atomic([
        db.update(agents).set({ retired: 1 }).where(sql`${agents.id} NOT IN (SELECT value FROM json_each(${ids}))`),
        ...rows.map((some) =>
          db
            .insert(agents)
            .select(sql`SELECT value ->> 0, value ->> 1, 0 FROM json_each(${some}) WHERE true ORDER BY key`)
            .onConflictDoUpdate({ target: agents.id, set: { agent: sql`excluded.agent`, retired: 0 } }),
        ),
      ]);
    },

    async ghost(userId) {
      const [row] = await db.select().from(ghosts).where(eq(ghosts.userId, userId)).limit(1);
      if (!row) return undefined;
      const { deviceId, profile } = row;
      return { userId: UserId.parse(row.userId), deviceId, ...(profile === null ? {} : { profile }) };
    },

    async setGhost({ userId, deviceId, profile }) {
      const set = { deviceId, profile: profile ?? null };
      await db
        .insert(ghosts)
        .values({ userId, ...set })
        .onConflictDoUpdate({ target: ghosts.userId, set });
    },
  };
}
