/**
 * Which variables of the environment an agent's `$NAME`s may name. The operator lists them (`AGENT_ENV`). A name in the
 * host's own file counts as listed for a backend with exactly the settings it has there: an agent that is written by the
 * API can have such a variable sent to no other server.
 */
import type { BackendSpec } from "./agent.ts";
import { isOwnSetting } from "./environment.ts";
import { isReference } from "./secret-names.ts";

export interface AgentEnv {
  /** Names, in which a `*` stands for any text. */
  patterns: readonly string[];
  /** The backends in the host's own configuration file, with their secrets in plain text. */
  ofFile: readonly BackendSpec[];
}

export interface RefusedNames {
  /** Settings of the bridge itself, which nobody can list. */
  own: string[];
  unlisted: string[];
}

/** The variables that a backend names and may not read. `spec` has its secrets in plain text. */
export function refusedNames({ patterns, ofFile }: AgentEnv, spec: BackendSpec): RefusedNames {
  const names = [...new Set(namesIn(spec))];
  const own = names.filter(isOwnSetting);
  const others = names.filter((name) => !isOwnSetting(name) && !patterns.some((pattern) => matches(pattern, name)));
  const isOfFile = () => ofFile.some((one) => canonical(one) === canonical(spec));
  return { own, unlisted: others.length > 0 && isOfFile() ? [] : others };
}

/** The line that lists these names too, for the bridge's environment. */
export const lineWith = (patterns: readonly string[], names: readonly string[]): string =>
  `AGENT_ENV=${[...new Set([...patterns, ...names])].join(",")}`;

/** The variables that are named in a backend's settings, as often as they are named. */
export function namesIn(value: unknown): string[] {
  if (typeof value === "string") return isReference(value) ? [value.slice(1)] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(namesIn) : [];
}

/** With upper and lower case told apart, as most systems do. */
function matches(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** JSON with its keys in one order. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
