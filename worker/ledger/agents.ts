/** Agents and the ghosts they have on the homeserver. */
import { and, asc, eq, sql } from "drizzle-orm";
import { Agent } from "#core/agent.ts";
import { UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports";
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
      const again = { target: agents.id, set: { agent: sql`excluded.agent`, retired: 0 } };
      await atomic([
        db.update(agents).set({ retired: 1 }).where(sql`${agents.id} NOT IN (SELECT value FROM json_each(${ids}))`),
        ...list.map((agent) =>
          db
            .insert(agents)
            .values({ id: agent.id, agent: JSON.stringify(agent), retired: 0 })
            .onConflictDoUpdate(again),
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
