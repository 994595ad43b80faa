/** Validation errors of a configuration as sentences with a place. They never repeat a value, which may be a secret. */
import { AgentSpec } from "./agent.ts";
import { Configuration } from "./configuration.ts";
import { keyRows, Layer, RoomLayer } from "./settings.ts";
import { TurnSettings } from "./turn-settings.ts";

export type Path = readonly PropertyKey[];
type Failure = NonNullable<ReturnType<typeof Configuration.safeParse>["error"]>;
export type Issue = Failure["issues"][number];

export interface Complaint {
  path: Path;
  sentence: string;
}

/** One complaint for each issue, and one for each unknown key. `nameOf` names a place as operators know it. */
export function complaintsOf(issue: Issue, nameOf: (path: Path) => string): Complaint[] {
  const where = nameOf(issue.path);
  if (issue.code !== "unrecognized_keys") return [{ path: issue.path, sentence: sentence(issue, where) }];
  return issue.keys.map((key) => ({
    path: [...issue.path, key],
    sentence: `${where} has no setting "${key}"${suggestion(key, keysAt(issue.path))}`,
  }));
}

function sentence(issue: Issue, where: string): string {
  if (issue.message.endsWith("received undefined")) return `${where} is missing`;
  return `${where}: ${expectation(issue)}`;
}

function expectation(issue: Issue): string {
  if (issue.code === "invalid_union") {
    const wanted = issue.errors.map((errors) => errors.map(({ message }) => bare(message)).join(", "));
    return [...new Set(wanted)].join("; or ");
  }
  if (issue.code === "invalid_key") return issue.issues.map(({ message }) => bare(message)).join(", ");
  return bare(issue.message);
}
const bare = (message: string): string => message.replace(/^Invalid (?:input|option|string): /, "");

/** The keys that are allowed at a place. */
function keysAt(path: Path): string[] {
  const last = path.at(-1);
  if (path.length === 0) return Object.keys(Configuration.shape);
  if (last === "turns") return Object.keys(TurnSettings.shape);
  if (path[0] === "agents" && path.length === 2) return Object.keys(AgentSpec.shape);
  if (path[0] === "rooms" && path.length === 2) return Object.keys(RoomLayer.shape);
  return last === "avatar" || last === "backend" ? [] : Object.keys(Layer.shape);
}

function suggestion(key: string, keys: readonly string[]): string {
  const near = nearest(key, keys) ?? foreign(key, keys);
  return near === undefined ? "" : `; did you mean "${near}"?`;
}

/** The most similar word, if one is similar enough. */
function nearest(word: string, words: readonly string[]): string | undefined {
  const enough = Math.max(1, Math.floor(word.length / 2.5));
  const [best] = words
    .map((other) => ({ other, distance: distance(word.toLowerCase(), other.toLowerCase()) }))
    .sort((one, two) => one.distance - two.distance);
  return best && best.distance <= enough ? best.other : undefined;
}

/** Our name for a key of a similar project. */
function foreign(key: string, keys: readonly string[]): string | undefined {
  const isCalled = (names: string) => names.split(", ").some((name) => name.split(".").at(-1) === key);
  return keyRows().find(({ name, peers }) => keys.includes(name) && Object.values(peers).some(isCalled))?.name;
}

/** Damerau–Levenshtein distance: letters added, removed, changed, or swapped with their neighbour. */
function distance(one: string, two: string): number {
  let before: number[] = [];
  let last = Array.from({ length: two.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= two.length; j++) {
      const cost = one[i - 1] === two[j - 1] ? 0 : 1;
      const isSwapped = i > 1 && j > 1 && one[i - 1] === two[j - 2] && one[i - 2] === two[j - 1];
      const steps = [(row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + cost];
      row.push(Math.min(...steps, isSwapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY));
    }
    [before, last] = [last, row];
  }
  return last.at(-1) ?? 0;
}
