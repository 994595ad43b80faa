/** Sentences about variables of the environment that an agent may not read. */
import { lineWith, type RefusedNames } from "../configuration/agent-env.ts";

const dollars = (names: readonly string[]): string => names.map((name) => `$${name}`).join(", ");

export const ownSettings = (names: readonly string[]): string =>
  `${dollars(names)}: settings of the bridge itself are read by no agent`;

export const unlistedNames = (names: readonly string[], patterns: readonly string[]): string =>
  `agents may not read ${dollars(names)} yet; set this in the bridge's environment to allow it: ${lineWith(patterns, names)}`;

/** Undefined when nothing is refused. */
export function refusalOf({ own, unlisted }: RefusedNames, patterns: readonly string[]): string | undefined {
  if (own.length > 0) return ownSettings(own);
  return unlisted.length > 0 ? unlistedNames(unlisted, patterns) : undefined;
}
