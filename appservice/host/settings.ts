/** What a command starts from: `.env` and the environment. */
import { existsSync } from "node:fs";
import { type Config, readConfig } from "#core/config.ts";

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
