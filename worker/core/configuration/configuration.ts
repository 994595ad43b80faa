/**
 * The whole configuration as data: what `troupe.yaml` holds, what the operator API takes, what the ledger keeps. A change
 * is in force with the next event.
 */
import * as z from "zod/v4";
import { type AgentId, AgentKey } from "../protocol/ids.ts";
import { AgentSpec } from "./agent.ts";
import { Groups, Layer, RoomLayer, RoomName } from "./settings.ts";

export const Configuration = z.strictObject({
  defaults: Layer.default({}),
  groups: Groups.default({}),
  agents: z.array(AgentSpec).max(10_000),
  rooms: z.record(RoomName, RoomLayer).default({}),
});
export type Configuration = z.infer<typeof Configuration>;

export const NO_CONFIGURATION: Configuration = { defaults: {}, groups: {}, agents: [], rooms: {} };

/** A muted room stays so until somebody says otherwise: not to mention it is not to say so. */
export function keepingMuted(wanted: Configuration, before: Configuration): Configuration {
  const muted = Object.entries(before.rooms).filter(
    ([room, layer]) => layer.muted === true && wanted.rooms[room]?.muted === undefined,
  );
  const kept = muted.map(([room]) => [room, { ...wanted.rooms[room], muted: true }] as const);
  return kept.length === 0 ? wanted : { ...wanted, rooms: { ...wanted.rooms, ...Object.fromEntries(kept) } };
}

/** One thing that is different: where, what it was, what it will be; undefined where it was not, or will not be. */
export interface Change {
  path: string;
  before?: unknown;
  after?: unknown;
}

/** What an operator would want to see before anything changes, in the order of the file. */
export function changes(before: Configuration, after: Configuration): Change[] {
  return differences("", flat(before), flat(after));
}

/** Agents by their ids, as the file has them. */
const flat = ({ agents, ...rest }: Configuration): Record<string, unknown> => ({
  ...rest,
  agents: Object.fromEntries(agents.map(({ id, ...agent }) => [id, agent])),
});

function differences(path: string, before: unknown, after: unknown): Change[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isObject(before) || !isObject(after)) {
    return [{ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
  }
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => differences(path ? `${path}.${name}` : name, before[name], after[name]));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What no schema can see: agents that are there twice, groups that are not there. */
export function complaintsAbout({ agents, groups, defaults, rooms }: Configuration): string[] {
  const ids = agents.map(({ id }) => id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `agents.${id} is there twice`);
  const layers: [string, object][] = [
    ["defaults", defaults],
    ...agents.map((agent): [string, object] => [`agents.${agent.id}`, agent]),
    ...Object.entries(rooms).map(([room, layer]): [string, object] => [`rooms.${room}`, layer]),
  ];
  const unknown = layers.flatMap(([path, layer]) =>
    groupsNamedIn(layer)
      .filter((name) => !Object.hasOwn(groups, name))
      .map((name) => `${path}: there is no group "${name}"`),
  );
  return [...twice, ...new Set(unknown)];
}

const groupsNamedIn = (layer: object): string[] =>
  [...JSON.stringify(layer).matchAll(/"group:([\w-]+)"/g)].map((match) => match[1] ?? "");

/** Aliases somebody has to look up for the configuration to hold; what merely looks like one in a prompt is none. */
export function aliasesIn({ defaults, agents, rooms }: Configuration): string[] {
  const ofRooms = Object.values(rooms).flatMap((room) => [room, ...Object.values(room.agents ?? {})]);
  const names = [defaults, ...agents, ...ofRooms].flatMap(({ allowedRooms = [], inviteFrom = [], home = "" }) => [
    ...allowedRooms,
    ...inviteFrom,
    home,
  ]);
  return [...new Set([...Object.keys(rooms), ...names].filter((name) => name.startsWith("#")))];
}

/** Whether agents that are not addressed may want to hear an event, as far as one layer on another says. */
export const isAttentive = (...layers: (Layer | undefined)[]): boolean => {
  const merged = Object.assign({}, ...layers) as Layer;
  return merged.mention === false || merged.atRoom === true || (merged.patterns ?? []).length > 0;
};

const KEY_STAR = "*";

/** Whether an agent's id stands for many: `ticket_*`. */
export const isFamily = (key: string): boolean => key.includes(KEY_STAR);

/** The agent of a family that bears this very id: a `*` in the family's name is what the id has in its place. */
export function memberOf(family: AgentSpec, id: AgentId): AgentSpec {
  const at = family.id.indexOf(KEY_STAR);
  const own = id.slice(at, id.length - (family.id.length - at - 1));
  return { ...family, id: AgentKey.parse(id), name: family.name.replaceAll(KEY_STAR, own) };
}
