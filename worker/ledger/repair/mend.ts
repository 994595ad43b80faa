/**
 * Mends a stored layer or agent that cannot be read: the keys that cannot be read are dropped, the rest stays. A lost key that
 * restricted something is replaced by its strictest value, so that nobody is let in by the loss.
 */
import { BOUNDS } from "#core/bounds.ts";
import { AgentSpec } from "#core/configuration/agent.ts";
import { Groups, Layer, RoomLayer } from "#core/configuration/settings.ts";
import { isObject, parseJson } from "#core/protocol/json.ts";

/** A schema of core, as far as it is needed here. */
interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: readonly Issue[] } };
}
type Issue = { path: readonly PropertyKey[]; code: string; keys?: readonly string[] };

const STRICTEST: Readonly<Record<string, unknown>> = {
  users: [],
  admins: [],
  commands: {},
  ignore: [".*"],
  power: Number.MAX_SAFE_INTEGER,
  dm: "disabled",
  rooms: "disabled",
  allowedRooms: [],
  invites: "off",
  inviteFrom: [],
  mention: true,
  bots: false,
  hops: 0,
  contextFrom: "users",
  muted: true,
} satisfies Partial<Record<keyof RoomLayer, unknown>>;

/** A mended value, and the paths of the keys that it lost. `whole`: nothing of the text was left. */
export interface Mended<T> {
  value: T;
  lost: string[];
}

/** What stands for a layer of which nothing can be read. */
export const mendDefaults = (text: string): Mended<Layer> => mend(Layer, text, { users: [] });
export const mendRoomLayer = (text: string): Mended<RoomLayer> => mend(RoomLayer, text, { muted: true });
export const mendGroups = (text: string): Mended<Groups> => mend(Groups, text, {});

/** Undefined where too little is left of the agent; it has to be written anew. */
export function mendAgent(id: string, text: string): Mended<AgentSpec> | undefined {
  const json = parseJson(text);
  if (!isObject(json)) return undefined;
  const name = typeof json["name"] === "string" && json["name"] !== "" ? json["name"].slice(0, NAME_MAX) : id;
  const mended = drop(AgentSpec, { ...json, id, name });
  return mended && { ...mended, lost: [...(json["id"] === id ? [] : ["id"]), ...mended.lost] };
}
const NAME_MAX = BOUNDS.name.max;

function mend<T>(schema: Schema<T>, text: string, instead: T): Mended<T> {
  const json = parseJson(text);
  return (isObject(json) && drop(schema, json)) || { value: instead, lost: ["everything"] };
}

/** Each round drops or replaces the keys that the schema complains about; undefined where that does not help. */
function drop<T>(schema: Schema<T>, given: object): Mended<T> | undefined {
  const json = structuredClone(given);
  const lost = new Set<string>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const read = schema.safeParse(json);
    if (read.success) return { value: read.data, lost: [...lost] };
    for (const issue of read.error.issues) dropAll(json, issue, lost);
  }
  return undefined;
}
/** Keys of a newer version are dropped too, and are no loss to this one. */
function dropAll(json: object, { code, path, keys = [] }: Issue, lost: Set<string>): void {
  if (code !== "unrecognized_keys") dropAt(json, path, lost);
  else for (const key of keys) dropAt(json, [...path, key], undefined);
}

const ROUNDS_MAX = 10;

/** A list is dropped as a whole: without one of its entries it could mean something else. */
function dropAt(json: object, path: readonly PropertyKey[], lost: Set<string> | undefined): void {
  const upto = path.findIndex((part) => typeof part === "number");
  const keys = upto < 0 ? path : path.slice(0, upto);
  const key = keys.at(-1);
  if (key === undefined) return;
  const place = keys.slice(0, -1).reduce<unknown>((value, name) => Reflect.get(Object(value), name), json);
  if (!isObject(place)) return;
  const name = keys.join(".");
  const strictest = lost?.has(name) === false ? strictestOf(keys) : undefined;
  if (strictest === undefined) Reflect.deleteProperty(place, key);
  else Reflect.set(place, key, structuredClone(strictest));
  // What the layers of agents restricted, nobody knows any more.
  if (name === "agents") Reflect.set(json, "muted", true);
  lost?.add(name);
}

/** The strictest value of a key of a layer, or of a whole layer of an agent. */
function strictestOf(keys: readonly PropertyKey[]): unknown {
  const [first, , ...rest] = keys;
  const inAgent = first === "agents";
  if (inAgent && keys.length === 2) return { users: [] };
  return keys.length === 1 || (inAgent && rest.length === 1) ? STRICTEST[String(keys.at(-1))] : undefined;
}
