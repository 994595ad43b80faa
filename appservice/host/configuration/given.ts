/** Finds and reads the configuration file that a start applies. */
import { existsSync } from "node:fs";
import { refusedNames } from "#core/configuration/agent-env.ts";
import type { Configuration } from "#core/configuration/configuration.ts";
import { Environment } from "#core/configuration/environment.ts";
import { ownSettings } from "#core/strings/agent-env.ts";
import { backends } from "../../../worker/backends/registry.ts";
import { EnvironmentError } from "../environment.ts";
import { readConfigurationFile } from "./read.ts";

/** With this value of `TROUPE_FILE` no file is read. */
const NO_FILE = "none";

/**
 * The configuration in the file, validated before anything starts. Undefined where there is no file; a file that `TROUPE_FILE`
 * names must exist.
 */
export function configurationOf(env: Record<string, string | undefined>): Configuration | undefined {
  const named = env["TROUPE_FILE"] || undefined;
  if (named === NO_FILE) return undefined;
  const file = named ?? Environment.shape.TROUPE_FILE.parse(undefined);
  if (!existsSync(file)) {
    if (named === undefined) return undefined;
    throw new EnvironmentError(`TROUPE_FILE names ${file}, which does not exist.`);
  }
  const read = readConfigurationFile(file);
  if (!read.ok) throw new EnvironmentError(read.error);
  const { configuration, locate } = read.value;
  const known = backends();
  const complaints = configuration.agents.flatMap(({ id, backend }) => {
    const checked = known.create(backend);
    const { own } = refusedNames({ patterns: [], ofFile: [] }, backend);
    const wrong = [...(checked.ok ? [] : [checked.error]), ...(own.length > 0 ? [`backend: ${ownSettings(own)}`] : [])];
    return wrong.map((one) => locate(`agents.${id}.${one}`));
  });
  if (complaints.length > 0) throw new EnvironmentError(complaints.join("\n"));
  return configuration;
}
