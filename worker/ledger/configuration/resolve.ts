/**
 * Puts together the settings that hold at a place from the layers as they are stored. Results are cached by the stored
 * text, because the messages of a room need the same ones again and again.
 */
import { BOUNDS } from "#core/bounds.ts";
import { type Agent, AgentSpec } from "#core/configuration/agent.ts";
import { isFamily, memberOf } from "#core/configuration/configuration.ts";
import { Groups, Layer, RoomLayer, resolve, type Settings } from "#core/configuration/settings.ts";
import { readStored } from "#core/configuration/stored.ts";
import type { AgentId, RoomId } from "#core/protocol/ids.ts";
import { type Sql, sql } from "../sql/database.ts";
import type { Noted } from "../sql/noted.ts";

/** Limits of the caches, which are emptied when they are full. */
const TEXTS_MAX = 500;
const AGENTS_MAX = 2_000;

/** Caches what `read` makes of a text. */
export function memoize<T>(read: (text: string) => T): (text: string) => T {
  const cache = new Map<string, T>();
  return (text) => {
    const cached = cache.get(text);
    if (cached !== undefined) return cached;
    const value = read(text);
    if (cache.size >= TEXTS_MAX) cache.clear();
    cache.set(text, value);
    return value;
  };
}

/** The stored layers that are the same for all agents at a place, each as JSON. */
export interface LayerTexts {
  defaults: string | null;
  groupLists: string | null;
  /** The layer of the room's id. */
  own: string | null;
  /** A JSON list: the layers of the room's aliases, ordered by alias. */
  byAlias: string;
}

/** How many replaced rooms are followed back. */
const REPLACED_MAX = BOUNDS.roomsReplaced.max;

/**
 * The `name` or `value` of a room's layer: its own, or else that of the nearest room it has replaced. Rows from before
 * migration 0003 have no `predecessor`; for those only the first room of the chain (`origin`) is known.
 */
export const ownLayer = (roomId: string | Sql, column: "name" | "value"): Sql => sql`(
  WITH RECURSIVE line (id, step) AS (
    SELECT ${roomId}, 0
    UNION ALL
    SELECT coalesce(rooms.predecessor, rooms.origin), step + 1 FROM line CROSS JOIN rooms
    WHERE rooms.room_id = line.id AND coalesce(rooms.predecessor, rooms.origin) <> line.id AND step < ${REPLACED_MAX})
  SELECT ${column === "name" ? sql`settings.name` : sql`settings.value`} FROM line CROSS JOIN settings
  WHERE settings.name = 'room:' || line.id ORDER BY step LIMIT 1)`;

/** The columns of `LayerTexts`; with an empty room id only the defaults and groups are set. A column may stand for the id. */
export const layerColumns = (roomId: RoomId | "" | Sql): Sql => sql`
  (SELECT value FROM settings WHERE name = 'defaults') AS defaults,
  (SELECT value FROM settings WHERE name = 'groups') AS groupLists,
  ${ownLayer(roomId, "value")} AS own,
  (SELECT json_group_array(value) FROM (
    SELECT settings.value FROM aliases JOIN settings ON settings.name = 'room:' || aliases.alias
    WHERE aliases.room_id = ${roomId} ORDER BY aliases.alias)) AS byAlias`;

/** The settings at a place: a room, or no room in particular. */
export interface PlaceSettings {
  direct?: boolean;
  muted: boolean;
  /** The settings of no agent in particular. */
  defaults: Settings;
  /** An agent at this place; undefined when its row is unreadable. `spec` is its stored text, or its family's. */
  agent(id: AgentId, spec: string): Agent | undefined;
}

export type ResolvePlace = (texts: LayerTexts) => PlaceSettings;

/** Made once for each ledger, so that all its queries share one cache. */
export function createResolvePlace(noted: Noted): ResolvePlace {
  const specOf = memoize((text) => ({ spec: readStored(AgentSpec, text) }));
  let agentCount = 0;
  const agentsAt = (layers: Layers): PlaceSettings["agent"] => {
    const cache = new Map<string, Agent>();
    return (id, text) => {
      const key = `${id} ${text}`;
      const cached = cache.get(key);
      if (cached) return cached;
      const { spec } = specOf(text);
      if (!spec) {
        noted.note({ table: "agents", key: id, wrong: "it cannot be read" });
        return undefined;
      }
      const agent = agentAt(layers, id, spec);
      if (++agentCount > AGENTS_MAX) {
        cache.clear();
        forgetPlaces();
      }
      cache.set(key, agent);
      return agent;
    };
  };
  const read = (key: string): PlaceSettings => {
    const layers = layersIn(noted, JSON.parse(key));
    const room = Object.assign({}, ...layers.rooms) as RoomLayer;
    const place: PlaceSettings = {
      muted: room.muted ?? false,
      defaults: resolve([layers.defaults], layers.groups).settings,
      agent: agentsAt(layers),
    };
    if (room.direct !== undefined) place.direct = room.direct;
    return place;
  };
  let placeOf = memoize(read);
  const forgetPlaces = () => {
    agentCount = 0;
    placeOf = memoize(read);
  };
  return ({ defaults, groupLists, own, byAlias }) => placeOf(JSON.stringify([defaults, groupLists, own, byAlias]));
}

interface Layers {
  defaults: Layer;
  groups: Groups;
  /** Later ones win, so the layers of the aliases come first and the layer of the room's id last. */
  rooms: readonly RoomLayer[];
}

/** Stands for a layer that cannot be read: it may have restricted something, so no agent answers where it applies. */
export const UNREADABLE: RoomLayer = { muted: true };

export const readRoomLayer = (text: string): RoomLayer => readStored(RoomLayer, text) ?? UNREADABLE;

function layersIn(
  noted: Noted,
  [defaults, groups, own, byAlias]: [string | null, string | null, string | null, string],
): Layers {
  const texts = [...(JSON.parse(byAlias) as string[]), ...(own === null ? [] : [own])];
  const general = defaults === null ? {} : readStored(Layer, defaults);
  const lists = groups === null ? {} : readStored(Groups, groups);
  const rooms = texts.map(readRoomLayer);
  const isWhole = general !== undefined && lists !== undefined;
  if (!isWhole || rooms.includes(UNREADABLE))
    noted.note({ table: "settings", key: "", wrong: "a layer cannot be read" });
  return {
    defaults: general ?? {},
    groups: lists ?? {},
    rooms: isWhole ? rooms : [...rooms, UNREADABLE],
  };
}

/** Layers from weakest to strongest: defaults, agent, room, family in the room, agent in the room. */
function agentAt({ defaults, groups, rooms }: Layers, id: AgentId, spec: AgentSpec): Agent {
  const { name, avatar, backend } = isFamily(spec.id) ? memberOf(spec, id) : spec;
  const keys = isFamily(spec.id) ? [spec.id, id] : [id];
  const inRooms = keys.flatMap((key) => rooms.map(({ agents }) => agents?.[key]));
  const { settings, turns } = resolve([defaults, spec, ...rooms, ...inRooms], groups);
  const { admins, commands } = resolve([defaults, spec], groups).settings;
  const agent: Agent = { id, name, backend, settings, turns, everywhere: { admins, commands } };
  if (isFamily(spec.id)) agent.family = spec.id;
  if (avatar) agent.avatar = avatar;
  return agent;
}
