/** What holds somewhere, put together from what was written. Parsed once for a text: a message asks for the same again. */
import { type Agent, AgentSpec } from "#core/configuration/agent.ts";
import { isFamily, memberOf } from "#core/configuration/configuration.ts";
import { Groups, Layer, type Resolved, RoomLayer, resolve, type Settings } from "#core/configuration/settings.ts";
import type { AgentId, RoomId } from "#core/protocol/ids.ts";
import { type Sql, sql } from "../sql/database.ts";

/** Texts of a kind that are kept parsed, and agents that are kept put together. */
const TEXTS_MAX = 500;
const AGENTS_MAX = 2_000;

/** What a reader makes of a text, made once while it is one of the last. */
export function remembered<T>(read: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const one = known.get(text);
    if (one !== undefined) return one;
    const made = read(text);
    if (known.size >= TEXTS_MAX) known.clear();
    known.set(text, made);
    return made;
  };
}

/** What was written for everybody and for one room, as it is stored. */
export interface Written {
  defaults: string | null;
  groupLists: string | null;
  own: string | null;
  /** A list of texts: of the aliases that mean the room, in their order. */
  byAlias: string;
}

/** Rooms that replaced each other, seen from the last one; two that claim to have replaced each other end there too. */
const REPLACED_MAX = 50;

/**
 * Of the layer of a room its `name` or its `value`: its own, or else that of the nearest of the rooms it has replaced. Of
 * what was stored before the rooms between were, only the first one is known.
 */
export const ownLayer = (roomId: string, column: "name" | "value"): Sql => sql`(
  WITH RECURSIVE line (id, step) AS (
    SELECT ${roomId}, 0
    UNION ALL
    SELECT coalesce(rooms.predecessor, rooms.origin), step + 1 FROM line CROSS JOIN rooms
    WHERE rooms.room_id = line.id AND coalesce(rooms.predecessor, rooms.origin) <> line.id AND step < ${REPLACED_MAX})
  SELECT ${column === "name" ? sql`settings.name` : sql`settings.value`} FROM line CROSS JOIN settings
  WHERE settings.name = 'room:' || line.id ORDER BY step LIMIT 1)`;

/** The columns of `Written`; in no room those of the defaults. */
export const written = (roomId: RoomId | ""): Sql => sql`
  (SELECT value FROM settings WHERE name = 'defaults') AS defaults,
  (SELECT value FROM settings WHERE name = 'groups') AS groupLists,
  ${ownLayer(roomId, "value")} AS own,
  (SELECT json_group_array(value) FROM (
    SELECT settings.value FROM aliases JOIN settings ON settings.name = 'room:' || aliases.alias
    WHERE aliases.room_id = ${roomId} ORDER BY aliases.alias)) AS byAlias`;

/** What holds at a place. */
export interface Policy {
  direct?: boolean;
  muted: boolean;
  /** For nobody in particular. */
  defaults: Settings;
  /** An agent from the text of what was written for it, or for its family. */
  agent(id: AgentId, spec: string): Agent;
}

export type PolicyOf = (texts: Written) => Policy;

/** One for a ledger: all that read agents share what it remembers. */
export function policies(): PolicyOf {
  const specOf = remembered((text) => AgentSpec.parse(JSON.parse(text)));
  let made = 0;
  const agentOf = (layers: Layers): Policy["agent"] => {
    const known = new Map<string, Agent>();
    return (id, text) => {
      const key = `${id} ${text}`;
      const one = known.get(key);
      if (one) return one;
      const agent = agentAt(layers, id, specOf(text));
      if (++made > AGENTS_MAX) {
        known.clear();
        forget();
      }
      known.set(key, agent);
      return agent;
    };
  };
  const read = (key: string): Policy => {
    const layers = layersIn(JSON.parse(key));
    const room = Object.assign({}, ...layers.rooms) as RoomLayer;
    return {
      ...(room.direct === undefined ? {} : { direct: room.direct }),
      muted: room.muted ?? false,
      defaults: resolve([layers.defaults], layers.groups).settings,
      agent: agentOf(layers),
    };
  };
  let policyOf = remembered(read);
  const forget = () => {
    made = 0;
    policyOf = remembered(read);
  };
  return ({ defaults, groupLists, own, byAlias }) => policyOf(JSON.stringify([defaults, groupLists, own, byAlias]));
}

interface Layers {
  defaults: Layer;
  groups: Groups;
  /** The later ones win: what was written for the room's id before what was written for its aliases. */
  rooms: readonly RoomLayer[];
}

function layersIn([defaults, groups, own, byAlias]: [string | null, string | null, string | null, string]): Layers {
  const texts = [...(JSON.parse(byAlias) as string[]), ...(own === null ? [] : [own])];
  return {
    defaults: defaults === null ? {} : Layer.parse(JSON.parse(defaults)),
    groups: groups === null ? {} : Groups.parse(JSON.parse(groups)),
    rooms: texts.map((text) => RoomLayer.parse(JSON.parse(text))),
  };
}

/** What is written for one agent in a room stands above what is written for the room; for its id above its family's. */
function agentAt({ defaults, groups, rooms }: Layers, id: AgentId, spec: AgentSpec): Agent {
  const { name, avatar, backend } = isFamily(spec.id) ? memberOf(spec, id) : spec;
  const keys = isFamily(spec.id) ? [spec.id, id] : [id];
  const inRooms = keys.flatMap((key) => rooms.map(({ agents }) => agents?.[key]));
  const resolved: Resolved = resolve([defaults, spec, ...rooms, ...inRooms], groups);
  const { admins, commands } = resolve([defaults, spec], groups).settings;
  return { id, name, backend, ...resolved, everywhere: { admins, commands }, ...(avatar ? { avatar } : {}) };
}
