/** `/admin/agents/:id`: the settings of one agent with their layers, what was learnt of its server, and its last failure. */
import type { Context } from "hono";
import type { AgentSpec } from "#core/configuration/agent.ts";
import { type Configuration, isFamily } from "#core/configuration/configuration.ts";
import { type Layer, resolve } from "#core/configuration/settings.ts";
import { AgentKey } from "#core/protocol/ids.ts";
import { freshOf } from "#core/turn/learnt.ts";
import type { Backends, SecretCipher } from "#ports/backends.ts";
import type { ConfigurationLedger } from "#ports/configuration.ts";
import type { Clock } from "#ports/host.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import type { LearntLedger } from "#ports/turns.ts";
import { refuse } from "./refuse.ts";

interface Needs {
  ledger: Pick<ConfigurationLedger, "configuration" | "aliases"> &
    Pick<LearntLedger, "learnt"> &
    Pick<OperatorLedger, "lastFailure">;
  backends: Backends;
  cipher: SecretCipher;
  clock: Pick<Clock, "now">;
}

/** With `?room=` a room's id: as they hold there. */
export async function showAgent({ ledger, backends, cipher, clock }: Needs, c: Context, written: string) {
  const id = AgentKey.safeParse(written);
  const configuration = await ledger.configuration();
  const spec = id.success ? writtenFor(configuration.agents, id.data) : undefined;
  if (!id.success || !spec) return refuse(c, 404, ["There is no agent with this id."]);
  const room = c.req.query("room");
  const rooms = room === undefined ? [] : namesOf(room, await ledger.aliases());
  const layers = layersFor(configuration, spec, id.data, rooms);
  const { model } = resolve(
    layers.map(({ layer }) => layer),
    configuration.groups,
  ).settings;
  const of = await backends.digest(spec.backend, model);
  const learnt = freshOf(await ledger.learnt(spec.id), clock.now()).find((entry) => entry.of === of);
  const lastError = await ledger.lastFailure(id.data);
  return c.json({
    id: id.data,
    ...(spec.id === id.data ? {} : { family: spec.id }),
    backend: cipher.masked(spec.backend),
    settings: settingsWith(layers, configuration),
    ...(learnt ? { learnt: { leftOut: learnt.leftOut, contextTokens: learnt.contextTokens, atMs: learnt.atMs } } : {}),
    ...(lastError ? { lastError } : {}),
  });
}

/** The agent as it is written, or the family that it belongs to: of several the one with the longest id. */
function writtenFor(agents: readonly AgentSpec[], id: AgentKey): AgentSpec | undefined {
  const isMember = ({ id: key }: AgentSpec) => {
    const [before = "", after = ""] = key.split("*");
    return isFamily(key) && id.length >= key.length && id.startsWith(before) && id.endsWith(after);
  };
  const families = agents.filter(isMember).sort((one, other) => other.id.length - one.id.length);
  return agents.find((agent) => agent.id === id) ?? families[0];
}

/** The names of the room's layers, weakest first: its aliases, then its id. */
const namesOf = (room: string, aliases: readonly { alias: string; roomId?: string }[]): string[] => [
  ...aliases.flatMap(({ alias, roomId }) => (roomId === room ? [alias] : [])).sort(),
  room,
];

interface NamedLayer {
  name: string;
  layer: Layer;
}

/** Weakest first, in the order in which a turn puts them together. */
function layersFor(
  { defaults, rooms }: Configuration,
  spec: AgentSpec,
  id: AgentKey,
  names: readonly string[],
): NamedLayer[] {
  const layersOf = (pick: (name: string) => Layer | undefined, suffix = ""): NamedLayer[] =>
    names.flatMap((name) => {
      const layer = pick(name);
      return layer ? [{ name: `rooms.${name}${suffix}`, layer }] : [];
    });
  const keys = [...new Set([spec.id, id])];
  return [
    { name: "defaults", layer: defaults },
    { name: `agents.${spec.id}`, layer: spec },
    ...layersOf((name) => rooms[name]),
    ...keys.flatMap((key) => layersOf((name) => rooms[name]?.agents?.[key], `.agents.${key}`)),
  ];
}

function settingsWith(layers: readonly NamedLayer[], { groups }: Configuration) {
  const { settings, turns } = resolve(
    layers.map(({ layer }) => layer),
    groups,
  );
  const layerOf = (has: (layer: Layer) => unknown) => layers.findLast(({ layer }) => has(layer) !== undefined)?.name;
  return [
    ...Object.entries(settings).map(([key, value]) => ({ key, value, layer: layerOf(fieldOf(key)) ?? "preset" })),
    ...Object.entries(turns).map(([key, value]) => ({
      key: `turns.${key}`,
      value,
      layer: layerOf(({ turns: own }) => own && fieldOf(key)(own)) ?? "preset",
    })),
  ];
}

const fieldOf =
  (key: string) =>
  (layer: object): unknown =>
    Object.hasOwn(layer, key) ? Reflect.get(layer, key) : undefined;
