/** Agents as they hold somewhere, and the ghosts they have on the homeserver. */
import type { Agent } from "#core/configuration/agent.ts";
import { UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { type Database, sql } from "../sql/database.ts";
import { specOf } from "../sql/ghosts.ts";
import { type PolicyOf, type Written, written } from "./resolve.ts";

export function agentRows(
  { all }: Database,
  policyOf: PolicyOf,
): Pick<Ledger, "agent" | "defaults" | "ghost" | "setGhost"> {
  return {
    async agent(id, roomId) {
      // The avatar travels beside the rest, which is remembered by its text.
      const [row] = await all<Written & { spec: string | null; avatar: string | null }>(sql`
        WITH found AS MATERIALIZED (SELECT ${specOf(sql`${id}`, sql`agents.agent`)} AS agent)
        SELECT ${written(roomId ?? "")}, json_remove(agent, '$.avatar') AS spec, agent -> '$.avatar' AS avatar FROM found`);
      if (!row || row.spec === null) return undefined;
      const agent = policyOf(row).agent(id, row.spec);
      return row.avatar === null ? agent : { ...agent, avatar: avatarOf(row.avatar) };
    },

    async defaults() {
      const [row] = await all<Written>(sql`SELECT ${written("")}`);
      if (!row) throw new Error("the database has no row for the defaults");
      return policyOf(row).defaults;
    },

    async ghost(userId) {
      const [row] = await all<{ deviceId: string; profile: string | null }>(sql`
        SELECT device_id AS deviceId, profile FROM ghosts WHERE user_id = ${userId}`);
      if (!row) return undefined;
      const { deviceId, profile } = row;
      return { userId: UserId.parse(userId), deviceId, ...(profile === null ? {} : { profile }) };
    },

    async setGhost({ userId, deviceId, profile }) {
      await all(
        sql`
        INSERT INTO ghosts (user_id, device_id, profile) VALUES (${userId}, ${deviceId}, ${profile ?? null})
        ON CONFLICT (user_id) DO UPDATE SET device_id = excluded.device_id, profile = excluded.profile`,
        "durable",
      );
    },
  };
}

/** It was checked before it was stored; to check a megabyte at each reading would take milliseconds. */
const avatarOf = (text: string): NonNullable<Agent["avatar"]> => JSON.parse(text);
