/** The configuration as operators write it: read and written as a whole, or one agent or room at a time. */
import { AgentSpec } from "#core/configuration/agent.ts";
import { aliasesIn, type Configuration, isAttentive, isFamily } from "#core/configuration/configuration.ts";
import { Groups, Layer, RoomLayer, RoomName } from "#core/configuration/settings.ts";
import { problemOf, readStored } from "#core/configuration/stored.ts";
import { RoomId } from "#core/protocol/ids.ts";
import type { ConfigurationLedger } from "#ports/configuration.ts";
import { jsonLists, storable } from "../sql/bulk.ts";
import { countOfLast, type Sql, sql } from "../sql/database.ts";
import type { Noted, NotingDatabase } from "../sql/noted.ts";
import { storedJson } from "../sql/stored.ts";
import { ownLayer, readRoomLayer } from "./resolve.ts";

type ConfigurationRows = Omit<ConfigurationLedger, "agent" | "defaults">;

/** The prefix of the names of room layers in the table `settings`. */
const ROOM = "room:";

export function configurationRows(database: NotingDatabase): ConfigurationRows {
  const { all, atomic, noted } = database;
  return {
    ...agentSpecs(database),
    ...roomLayers(database),

    async configuration() {
      const rows = await all<ConfigurationRow>(sql`
        SELECT 'setting' AS kind, name, value FROM settings
        UNION ALL SELECT 'agent', id, agent FROM agents WHERE retired = 0
        ORDER BY kind, name`);
      const found: Configuration = { defaults: {}, groups: {}, agents: [], rooms: {} };
      for (const row of rows) addRow(found, row, noted);
      return found;
    },

    async setConfiguration(configuration) {
      const { defaults, groups, agents, rooms } = configuration;
      const layers = Object.entries(rooms).map(([name, layer]) => layerRow(`${ROOM}${name}`, layer));
      const general = [
        ["defaults", storedJson("defaults", Layer, defaults), 0],
        ["groups", storedJson("groups", Groups, groups), 0],
      ];
      await atomic(
        [
          sql`DELETE FROM settings`,
          ...jsonLists([...general, ...layers]).map(
            (list) => sql`
            INSERT INTO settings (name, value, attentive)
            SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(${list})`,
          ),
          // The room of an alias that is no longer used would not be looked up again, and become stale.
          sql`
          DELETE FROM aliases
          WHERE alias NOT IN (SELECT value FROM json_each(${storable(JSON.stringify(aliasesIn(configuration)))}))`,
          ...allAgents(agents, defaults, sql`true`),
        ],
        "durable",
      );
    },
  };
}

/** How often a write is tried when the defaults change between reading them and writing. */
const TRIES_MAX = 10;

function agentSpecs(
  database: NotingDatabase,
): Pick<ConfigurationRows, "agents" | "setAgents" | "putAgent" | "removeAgent"> {
  const { all, atomic } = database;
  /** The column `attentive` depends on the defaults, so the write counts only while they are as they were read. */
  async function writeOnDefaults(statements: (defaults: Layer, guard: Sql) => Sql[]): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const [row] = await all<{ value: string }>(sql`SELECT value FROM settings WHERE name = 'defaults'`);
      const guard = sql`(SELECT value FROM settings WHERE name = 'defaults') IS ${row?.value ?? null}`;
      const defaults = (row && readStored(Layer, row.value)) ?? {};
      const results = await atomic([...statements(defaults, guard), sql`SELECT 1 WHERE ${guard}`], "durable");
      if (countOfLast(results) === 1) return;
    }
    throw new Error(`the defaults changed ${TRIES_MAX} times while agents were written`);
  }
  return {
    async agents() {
      const rows = await all<{ id: string; agent: string }>(sql`
        SELECT id, agent FROM agents WHERE retired = 0 ORDER BY id`);
      return rows.flatMap(({ id, agent }) => specIn(database.noted, id, agent) ?? []);
    },

    setAgents: (agents) => writeOnDefaults((defaults, guard) => allAgents(agents, defaults, guard)),
    putAgent: (agent) => writeOnDefaults((defaults, guard) => insertAgents([agent], defaults, guard)),

    async removeAgent(id) {
      const rows = await all(
        sql`UPDATE agents SET retired = 1 WHERE id = ${id} AND retired = 0 RETURNING id`,
        "durable",
      );
      return rows.length === 1;
    },
  };
}

function allAgents(agents: readonly AgentSpec[], defaults: Layer, guard: Sql): Sql[] {
  const ids = JSON.stringify(agents.map(({ id }) => id));
  return [
    sql`
      UPDATE agents SET retired = 1
      WHERE retired = 0 AND id NOT IN (SELECT value FROM json_each(${ids})) AND ${guard}`,
    ...insertAgents(agents, defaults, guard),
  ];
}

function insertAgents(agents: readonly AgentSpec[], defaults: Layer, guard: Sql): Sql[] {
  const rows = agents.map((agent) => [
    agent.id,
    storedJson(`the agent ${agent.id}`, AgentSpec, agent),
    isFamily(agent.id) ? 1 : 0,
    isAttentive(defaults, agent) ? 1 : 0,
    agent.name.toLowerCase(),
  ]);
  return jsonLists(rows).map(
    (list) => sql`
      INSERT INTO agents (id, agent, retired, family, attentive, name_key)
      SELECT value ->> 0, value ->> 1, 0, value ->> 2, value ->> 3, value ->> 4
      FROM json_each(${list}) WHERE ${guard} ORDER BY key
      ON CONFLICT (id) DO UPDATE
        SET agent = excluded.agent, retired = 0, family = excluded.family, attentive = excluded.attentive,
          name_key = excluded.name_key`,
  );
}

function roomLayers({
  all,
  noted,
}: NotingDatabase): Pick<ConfigurationRows, "roomLayer" | "setRoomLayer" | "aliases" | "setAlias"> {
  return {
    async roomLayer(name) {
      const [row] = await all<{ value: string | null }>(sql`SELECT ${ownLayer(name, "value")} AS value`);
      return row?.value ? readRoomLayer(row.value) : {};
    },

    async setRoomLayer(name, layer) {
      const [key, value, attentive] = layerRow(`${ROOM}${name}`, layer);
      await all(
        sql`
        INSERT INTO settings (name, value, attentive) VALUES (${key}, ${storable(value)}, ${attentive})
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, attentive = excluded.attentive`,
        "durable",
      );
    },

    async aliases() {
      const rows = await all<{ alias: string; roomId: string | null; atMs: number }>(sql`
        SELECT alias, room_id AS roomId, at_ms AS atMs FROM aliases ORDER BY alias`);
      return rows.map(({ alias, roomId, atMs }) => {
        const known = roomId === null ? undefined : noted.id(RoomId, roomId, { table: "aliases", key: alias });
        return known ? { alias, atMs, roomId: known } : { alias, atMs };
      });
    },

    // The last known room is kept when the alias is gone: its layer may restrict something there, and must still apply.
    async setAlias(alias, roomId, nowMs) {
      await all(sql`
        INSERT INTO aliases (alias, room_id, at_ms) VALUES (${alias}, ${roomId ?? null}, ${nowMs})
        ON CONFLICT (alias) DO UPDATE
          SET room_id = coalesce(excluded.room_id, aliases.room_id), at_ms = excluded.at_ms`);
    },
  };
}

/** The row for `settings`. `attentive`: this layer makes agents listen to messages that do not address them. */
const layerRow = (name: string, layer: RoomLayer): [name: string, value: string, attentive: number] => [
  name,
  storedJson(name, RoomLayer, layer),
  isAttentive(layer) ? 1 : 0,
];

interface ConfigurationRow {
  kind: "agent" | "setting";
  name: string;
  value: string;
}

function addRow(found: Configuration, { kind, name, value }: ConfigurationRow, noted: Noted): void {
  if (kind === "agent") {
    const spec = specIn(noted, name, value);
    if (spec) found.agents.push(spec);
    return;
  }
  const schema = schemaOfSetting(name);
  const wrong = schema ? problemOf(schema, value) : "it is no setting";
  if (wrong !== undefined) noted.note({ table: "settings", key: name, wrong });
  if (name === "defaults") found.defaults = readStored(Layer, value) ?? {};
  else if (name === "groups") found.groups = readStored(Groups, value) ?? {};
  else if (schema) found.rooms[name.slice(ROOM.length)] = readRoomLayer(value);
}

/** The schema of a row of `settings`; undefined where nothing is called so. */
export function schemaOfSetting(name: string): typeof Layer | typeof RoomLayer | typeof Groups | undefined {
  if (name === "defaults") return Layer;
  if (name === "groups") return Groups;
  return name.startsWith(ROOM) && RoomName.safeParse(name.slice(ROOM.length)).success ? RoomLayer : undefined;
}

/** An agent as it is stored; undefined where it cannot be read. */
function specIn(noted: Noted, id: string, text: string): AgentSpec | undefined {
  const wrong = wrongWithAgent(id, text);
  if (wrong === undefined) return readStored(AgentSpec, text);
  noted.note({ table: "agents", key: id, wrong });
  return undefined;
}

export function wrongWithAgent(id: string, text: string): string | undefined {
  const wrong = problemOf(AgentSpec, text);
  if (wrong !== undefined) return wrong;
  return readStored(AgentSpec, text)?.id === id ? undefined : "id: it is another agent's";
}
