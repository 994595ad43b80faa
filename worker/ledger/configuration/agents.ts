/** Agents with the settings that hold for them somewhere, and their ghosts on the homeserver. */
import { type Agent, StoredAvatar } from "#core/configuration/agent.ts";
import type { AgentId, UserId } from "#core/protocol/ids.ts";
import { parseJson } from "#core/protocol/json.ts";
import type { ConfigurationLedger } from "#ports/configuration.ts";
import type { Ghost, GhostLedger } from "#ports/homeserver.ts";
import { type Database, sql } from "../sql/database.ts";
import { avatarIn, specOf, withoutAvatar } from "../sql/ghosts.ts";
import { type LayerTexts, layerColumns, type ResolvePlace } from "./resolve.ts";

export function agentRows(
  { all }: Database,
  resolvePlace: ResolvePlace,
): Pick<ConfigurationLedger, "agent" | "defaults"> & GhostLedger {
  return {
    async agent(id, roomId) {
      // The avatar has its own column: the agent is cached by its text, and an avatar may be a megabyte.
      const [row] = await all<AgentTexts>(sql`
        WITH found AS MATERIALIZED (SELECT ${specOf(sql`${id}`, sql`agents.agent`)} AS agent)
        SELECT ${layerColumns(roomId ?? "")}, ${withoutAvatar(sql`agent`)} AS spec, ${avatarIn(sql`agent`)} AS avatar
        FROM found`);
      return row && agentOf(resolvePlace, id, row);
    },

    async defaults() {
      const [row] = await all<LayerTexts>(sql`SELECT ${layerColumns("")}`);
      if (!row) throw new Error("the query for the defaults returned no row");
      return resolvePlace(row).defaults;
    },

    async ghost(userId) {
      const [row] = await all<{ deviceId: string; profile: string | null }>(sql`
        SELECT device_id AS deviceId, profile FROM ghosts WHERE user_id = ${userId}`);
      return row && ghostOf(userId, row.deviceId, row.profile);
    },

    async setGhost({ userId, deviceId, profile }) {
      await all(
        sql`
        INSERT INTO ghosts (user_id, device_id, profile) VALUES (${userId}, ${deviceId}, ${profile ?? null})
        ON CONFLICT (user_id) DO UPDATE SET device_id = excluded.device_id, profile = excluded.profile`,
        "durable",
      );
    },

    async setDevices(areTaken) {
      await all(
        areTaken
          ? sql`DELETE FROM ghosts WHERE device_id = ''`
          : sql`UPDATE ghosts SET device_id = '' WHERE device_id <> ''`,
      );
    },
  };
}

/** An agent as it is stored, and the layers of a place. `spec` is null where no such agent exists. */
export interface AgentTexts extends LayerTexts {
  spec: string | null;
  avatar: string | null;
}

/** The agent with the settings that hold at the place of `texts`. */
export function agentOf(resolvePlace: ResolvePlace, id: AgentId, texts: AgentTexts): Agent | undefined {
  if (texts.spec === null) return undefined;
  const agent = resolvePlace(texts).agent(id, texts.spec);
  const avatar = agent && texts.avatar !== null ? avatarOf(texts.avatar) : undefined;
  return agent && avatar ? { ...agent, avatar } : agent;
}

export const ghostOf = (userId: UserId, deviceId: string, profile: string | null): Ghost =>
  profile === null ? { userId, deviceId } : { userId, deviceId, profile };

/** An avatar that cannot be read is none. Its picture is not validated: a megabyte takes milliseconds. */
const avatarOf = (text: string): Agent["avatar"] => StoredAvatar.safeParse(parseJson(text)).data;
