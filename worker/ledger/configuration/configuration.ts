/** The configuration as operators write it: read and written as a whole, or one agent or room at a time. */
import { AgentSpec, isStoredPicture, StoredAvatar } from "#core/configuration/agent.ts";
import { aliasesIn, type Configuration, isAttentive, isFamily } from "#core/configuration/configuration.ts";
import { Groups, Layer, RoomLayer, RoomName } from "#core/configuration/settings.ts";
import { problemOf, readStored, withDropped } from "#core/configuration/stored.ts";
import { MASK } from "#core/configuration/url-secrets.ts";
import { RoomId } from "#core/protocol/ids.ts";
import { parseJson } from "#core/protocol/json.ts";
import type { ConfigurationLedger, Page, Revision } from "#ports/configuration.ts";
import { jsonLists, storable } from "../sql/bulk.ts";
import { countOfLast, type Sql, sql } from "../sql/database.ts";
import type { Noted, NotingDatabase } from "../sql/noted.ts";
import { storedJson } from "../sql/stored.ts";
import { ownLayer, readRoomLayer, UNREADABLE } from "./resolve.ts";
import { isAt, nextRevision, nextRevisionIf, REVISION, revisionOf } from "./revision.ts";

type ConfigurationRows = Omit<ConfigurationLedger, "agent" | "defaults">;

/** The prefix of the names of room layers in the table `settings`. */
const ROOM = "room:";

export function configurationRows(database: NotingDatabase): ConfigurationRows {
  const { atomic } = database;
  return {
    ...agentSpecs(database),
    ...roomLayers(database),

    configuration: async () => (await read(database)).configuration,
    revisedConfiguration: () => read(database),

    async setConfiguration(configuration, revision) {
      const guard = isAt(revision);
      const { defaults, groups, agents, rooms } = configuration;
      const layers = Object.entries(rooms).map(([name, layer]) => layerRow(`${ROOM}${name}`, layer));
      const general = [
        ["defaults", storedJson("defaults", Layer, defaults), 0],
        ["groups", storedJson("groups", Groups, groups), 0],
      ];
      const results = await atomic(
        [
          sql`DELETE FROM settings WHERE ${guard}`,
          ...jsonLists([...general, ...layers]).map(
            (list) => sql`
            INSERT INTO settings (name, value, attentive)
            SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(${list}) WHERE ${guard}`,
          ),
          // The room of an alias that is no longer used would not be looked up again, and become stale.
          sql`
          DELETE FROM aliases
          WHERE ${guard}
            AND alias NOT IN (SELECT value FROM json_each(${storable(JSON.stringify(aliasesIn(configuration)))}))`,
          ...allAgents(agents, defaults, guard),
          nextRevisionIf(guard),
        ],
        "durable",
      );
      return countOfLast(results) === 1;
    },
  };
}

/** The column `agent` with a mask in place of the picture. */
const WITHOUT_PICTURE = sql`
  CASE WHEN json_valid(agent) AND agent ->> '$.avatar.base64' IS NOT NULL
    THEN json_set(agent, '$.avatar.base64', ${MASK}) ELSE agent END`;

async function read({ all, noted }: NotingDatabase): Promise<{ configuration: Configuration; revision: Revision }> {
  const rows = await all<ConfigurationRow>(sql`
    SELECT 'revision' AS kind, NULL AS name, ${REVISION} AS value
    UNION ALL SELECT 'setting', name, value FROM settings
    UNION ALL SELECT 'agent', id, ${WITHOUT_PICTURE} FROM agents WHERE retired = 0
    ORDER BY kind, name`);
  const configuration: Configuration = { defaults: {}, groups: {}, agents: [], rooms: {} };
  for (const row of rows) addRow(configuration, row, noted);
  return { configuration, revision: revisionOf(rows.find(({ kind }) => kind === "revision")?.value) };
}

/** How often a write is tried when what it depends on changes between reading that and writing. */
const TRIES_MAX = 10;

const triedInVain = (what: string) => new Error(`${what} changed ${TRIES_MAX} times while it was written`);

function agentSpecs(
  database: NotingDatabase,
): Pick<
  ConfigurationRows,
  "agents" | "agentsPage" | "picture" | "unchangedPictures" | "setAgents" | "putAgent" | "removeAgent" | "setHome"
> {
  const { all, atomic } = database;
  /** The column `attentive` depends on the defaults, so the write counts only while they are as they were read. */
  async function writeOnDefaults(
    statements: (defaults: Layer, guard: Sql) => Sql[],
    revision: Revision | undefined,
  ): Promise<boolean> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const [row] = await all<{ value: string }>(sql`SELECT value FROM settings WHERE name = 'defaults'`);
      const areSame = sql`(SELECT value FROM settings WHERE name = 'defaults') IS ${row?.value ?? null}`;
      const guard = sql`${areSame} AND ${isAt(revision)}`;
      const defaults = (row && readStored(Layer, row.value)) ?? {};
      const results = await atomic(
        [...statements(defaults, guard), nextRevisionIf(guard), sql`SELECT 1 WHERE ${areSame}`],
        "durable",
      );
      if (results.at(-2)?.length === 1) return true;
      if (countOfLast(results) === 1) return false;
    }
    throw triedInVain("the defaults");
  }
  async function agentsPage(after: string, limit: number): Promise<Page<AgentSpec>> {
    const rows = await all<{ id: string; agent: string }>(sql`
      SELECT id, ${WITHOUT_PICTURE} AS agent FROM agents WHERE retired = 0 AND id > ${after} ORDER BY id LIMIT ${limit}`);
    const items = rows.flatMap(({ id, agent }) => specIn(database.noted, id, agent) ?? []);
    // By the rows, since one that cannot be read is left out.
    const last = rows.length === limit ? rows.at(-1) : undefined;
    return last ? { items, next: last.id } : { items };
  }
  return {
    agents: async () => (await agentsPage("", -1)).items,
    agentsPage,
    ...pictures(database),

    setAgents: (agents, revision) => writeOnDefaults((defaults, guard) => allAgents(agents, defaults, guard), revision),
    putAgent: (agent, revision) =>
      writeOnDefaults((defaults, guard) => insertAgents([agent], defaults, guard), revision),

    async removeAgent(id) {
      const retire = sql`UPDATE agents SET retired = 1 WHERE id = ${id} AND retired = 0 RETURNING id`;
      const [retired] = await atomic([retire, nextRevision], "durable");
      return retired?.length === 1;
    },

    async setHome(id, roomId) {
      const move = sql`
        UPDATE agents SET agent = json_set(agent, '$.home', ${roomId})
        WHERE id = ${id} AND retired = 0 AND json_valid(agent) RETURNING id`;
      const [moved] = await atomic([move, nextRevision], "durable");
      return moved?.length === 1;
    },
  };
}

function pictures({ all }: NotingDatabase): Pick<ConfigurationRows, "picture" | "unchangedPictures"> {
  return {
    async picture(id) {
      const [row] = await all<{ avatar: string | null }>(sql`
        SELECT agent -> '$.avatar' AS avatar FROM agents WHERE id = ${id} AND retired = 0 AND json_valid(agent)`);
      return row?.avatar ? readStored(StoredAvatar, row.avatar) : undefined;
    },

    async unchangedPictures(agents) {
      const given = agents.flatMap(({ id, avatar }) => (avatar ? [[id, avatar.mediaType, avatar.base64]] : []));
      const ids = new Set<string>();
      for (const list of jsonLists(given)) {
        const rows = await all<{ id: string }>(sql`
          SELECT agents.id FROM json_each(${list}) AS given JOIN agents ON agents.id = given.value ->> 0
          WHERE agents.retired = 0 AND json_valid(agents.agent)
            AND agents.agent ->> '$.avatar.mediaType' = given.value ->> 1
            AND agents.agent ->> '$.avatar.base64' = given.value ->> 2`);
        for (const { id } of rows) ids.add(id);
      }
      return ids;
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

/** Without the mask that stands for the stored picture: it is no picture. */
const withoutMask = ({ avatar, ...agent }: AgentSpec): AgentSpec =>
  avatar === undefined || isStoredPicture(avatar) ? agent : { ...agent, avatar };

function insertAgents(agents: readonly AgentSpec[], defaults: Layer, guard: Sql): Sql[] {
  const rows = agents.map((agent) => [
    agent.id,
    storedJson(`the agent ${agent.id}`, AgentSpec, withoutMask(agent)),
    isFamily(agent.id) ? 1 : 0,
    isAttentive(defaults, agent) ? 1 : 0,
    agent.name.toLowerCase(),
    isStoredPicture(agent.avatar) ? 1 : 0,
  ]);
  const stored = sql`(
    SELECT json(stored.agent -> '$.avatar') FROM agents AS stored
    WHERE stored.id = value ->> 0 AND json_valid(stored.agent) AND stored.agent -> '$.avatar' IS NOT NULL)`;
  return jsonLists(rows).map(
    (list) => sql`
      INSERT INTO agents (id, agent, retired, family, attentive, name_key)
      SELECT value ->> 0,
        CASE WHEN value ->> 5 = 1 AND ${stored} IS NOT NULL
          THEN json_set(value ->> 1, '$.avatar', ${stored}) ELSE value ->> 1 END,
        0, value ->> 2, value ->> 3, value ->> 4
      FROM json_each(${list}) WHERE ${guard} ORDER BY key
      ON CONFLICT (id) DO UPDATE
        SET agent = excluded.agent, retired = 0, family = excluded.family, attentive = excluded.attentive,
          name_key = excluded.name_key`,
  );
}

function roomLayers({
  all,
  atomic,
  noted,
}: NotingDatabase): Pick<ConfigurationRows, "roomLayer" | "changeRoomLayer" | "aliases" | "noteAliases" | "setAlias"> {
  const stored = async (name: string): Promise<string | null> => {
    const [row] = await all<{ value: string | null }>(sql`SELECT ${ownLayer(name, "value")} AS value`);
    return row?.value ?? null;
  };
  const layerOf = (text: string | null): RoomLayer => (text === null ? {} : readRoomLayer(text));
  return {
    roomLayer: async (name) => layerOf(await stored(name)),

    async changeRoomLayer(name, change) {
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const before = await stored(name);
        const layer = layerOf(before);
        if (layer === UNREADABLE) return "unreadable";
        const after = change(layer);
        if (after === undefined) return "refused";
        const [key, value, attentive] = layerRow(`${ROOM}${name}`, after, (valid) =>
          withDropped(parseJson(before ?? ""), layer, valid),
        );
        const write = sql`
          INSERT INTO settings (name, value, attentive)
          SELECT ${key}, ${storable(value)}, ${attentive} WHERE ${ownLayer(name, "value")} IS ${before}
          ON CONFLICT (name) DO UPDATE SET value = excluded.value, attentive = excluded.attentive
          RETURNING name`;
        const [written] = await atomic([write, nextRevision], "durable");
        if (written?.length === 1) return "changed";
      }
      throw triedInVain("the layer of a room");
    },

    async aliases() {
      const rows = await all<{ alias: string; roomId: string | null; atMs: number }>(sql`
        SELECT alias, room_id AS roomId, at_ms AS atMs FROM aliases ORDER BY alias`);
      return rows.map(({ alias, roomId, atMs }) => {
        const known = roomId === null ? undefined : noted.id(RoomId, roomId, { table: "aliases", key: alias });
        return known ? { alias, atMs, roomId: known } : { alias, atMs };
      });
    },

    async noteAliases(aliases) {
      await all(sql`
        INSERT INTO aliases (alias, room_id, at_ms)
        SELECT value, NULL, 0 FROM json_each(${storable(JSON.stringify(aliases))}) WHERE true
        ON CONFLICT DO NOTHING`);
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
const layerRow = (
  name: string,
  layer: RoomLayer,
  complete = (valid: RoomLayer) => valid,
): [name: string, value: string, attentive: number] => [
  name,
  storedJson(name, { parse: (value) => complete(RoomLayer.parse(value)) }, layer),
  isAttentive(layer) ? 1 : 0,
];

type ConfigurationRow =
  | { kind: "agent" | "setting"; name: string; value: string }
  | { kind: "revision"; name: null; value: string | null };

function addRow(found: Configuration, { kind, name, value }: ConfigurationRow, noted: Noted): void {
  if (kind === "revision") return;
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
