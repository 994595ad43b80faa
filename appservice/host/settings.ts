/** What a command starts from: `.env`, the environment, the agents' file. */
import { existsSync } from "node:fs";
import type { Agent } from "#core/agent.ts";
import { type Config, readConfig } from "#core/config.ts";
import { backends } from "../../worker/backends/registry.ts";
import { readAgentsFile } from "./agents-file.ts";

/** Any of these says: this is a bridge for a homeserver, not the playground. */
const BRIDGE_SETTINGS = ["HOMESERVER_URL", "SERVER_NAME", "AS_TOKEN", "HS_TOKEN"];

/** Reads `.env` of the working directory; what is in the environment already wins. */
export function loadDotEnv(): void {
  if (existsSync(".env")) process.loadEnvFile(".env");
}

export const isConfigured = (): boolean => BRIDGE_SETTINGS.some((name) => process.env[name]);

/** A sentence for the person at the terminal: nothing is wrong with the program. */
export class SettingsError extends Error {}

export function configOrThrow(env: Record<string, string | undefined>): Config {
  const config = readConfig(env);
  if (config.ok) return config.value;
  throw new SettingsError(`The bridge is not set up; in the environment or in .env:\n${config.error}`);
}

/** The agents of the file, if there is one; checked as far as it can be before anything has started. */
export function agentsOf(file: string): Agent[] | undefined {
  if (!existsSync(file)) return undefined;
  const read = readAgentsFile(file);
  if (!read.ok) throw new SettingsError(read.error);
  const known = backends();
  const complaints = read.value.flatMap(({ id, backend }) => {
    const checked = known.check(backend);
    return checked.ok ? [] : [`${file}: agents.${id}.${checked.error}`];
  });
  if (complaints.length > 0) throw new SettingsError(complaints.join("\n"));
  return read.value;
}
