/**
 * The whole configuration as data: `troupe.yaml` holds it, the operator API takes it, the ledger stores it. A change takes
 * effect with the next event.
 */
import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import { type AgentId, AgentKey } from "../protocol/ids.ts";
import { isObject } from "../protocol/json.ts";
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

/** The wanted configuration, in which muted rooms stay muted unless it says otherwise. */
export function keepMuted(wanted: Configuration, before: Configuration): Configuration {
  const muted = Object.entries(before.rooms).filter(
    ([room, layer]) => layer.muted === true && wanted.rooms[room]?.muted === undefined,
  );
  const layers = muted.map(([room]) => [room, { ...wanted.rooms[room], muted: true }] as const);
  return layers.length === 0 ? wanted : { ...wanted, rooms: { ...wanted.rooms, ...Object.fromEntries(layers) } };
}

/** One difference. `before` is missing for an addition, `after` for a removal. */
export interface Change {
  path: string;
  before?: unknown;
  after?: unknown;
}

/** The differences for an operator to review before they are applied, in the order of the file. */
export function changes(before: Configuration, after: Configuration): Change[] {
  return differences("", byAgentId(before), byAgentId(after));
}

/** The configuration with its agents by id, as in the file. */
const byAgentId = ({ agents, ...rest }: Configuration): Record<string, unknown> => ({
  ...rest,
  agents: Object.fromEntries(agents.map(({ id, ...agent }) => [id, agent])),
});

function differences(path: string, before: unknown, after: unknown): Change[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isObject(before) || !isObject(after)) {
    const change: Change = { path };
    if (before !== undefined) change.before = before;
    if (after !== undefined) change.after = after;
    return [change];
  }
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => differences(path ? `${path}.${name}` : name, before[name], after[name]));
}

/** Errors that a schema cannot find: duplicate agents and unknown groups. */
export function complaintsAbout({ agents, groups, defaults, rooms }: Configuration): string[] {
  const ids = agents.map(({ id }) => id);
  const duplicates = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `agents.${id} is defined twice`);
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
  const large = [...layers, ["groups", groups] as const].flatMap(([path, layer]) => tooLarge(path, layer) ?? []);
  return [...duplicates, ...new Set(unknown), ...large];
}

/** A sentence where a value has more bytes than can be stored of it. */
export function tooLarge(what: string, value: object): string | undefined {
  const text = JSON.stringify(value);
  const max = BOUNDS.storedText.max;
  // A unit has three bytes at most, so that most values need not be encoded.
  const bytes = text.length * 3 > max ? new TextEncoder().encode(text).length : 0;
  return bytes > max ? `${what} is too large: it has ${bytes} bytes, and at most ${max} can be stored` : undefined;
}

const groupsNamedIn = (layer: object): string[] =>
  [...JSON.stringify(layer).matchAll(/"group:([\w-]+)"/g)].map((match) => match[1] ?? "");

/** The aliases that have to be resolved for the configuration. Texts such as prompts are not searched for aliases. */
export function aliasesIn({ defaults, agents, rooms }: Configuration): string[] {
  const ofRooms = Object.values(rooms).flatMap((room) => [room, ...Object.values(room.agents ?? {})]);
  const names = [defaults, ...agents, ...ofRooms].flatMap(({ allowedRooms = [], inviteFrom = [], home = "" }) => [
    ...allowedRooms,
    ...inviteFrom,
    home,
  ]);
  return [...new Set([...Object.keys(rooms), ...names].filter((name) => name.startsWith("#")))];
}

/** True when these layers, merged, make an agent listen to messages that do not address it. */
export const isAttentive = (...layers: (Layer | undefined)[]): boolean => {
  const merged = Object.assign({}, ...layers) as Layer;
  return merged.mention === false || merged.atRoom === true || (merged.patterns ?? []).length > 0;
};

const KEY_STAR = "*";

/** True when an agent's id is a pattern for many agents: `ticket_*`. */
export const isFamily = (key: string): boolean => key.includes(KEY_STAR);

/** The member of a family with this id. A `*` in the family's name becomes the part of the id that its `*` stands for. */
export function memberOf(family: AgentSpec, id: AgentId): AgentSpec {
  const at = family.id.indexOf(KEY_STAR);
  const own = id.slice(at, id.length - (family.id.length - at - 1));
  return { ...family, id: AgentKey.parse(id), name: family.name.replaceAll(KEY_STAR, own) };
}
