/** What a command starts from: `.env` and the environment. */
import { existsSync } from "node:fs";
import { type Environment, readEnvironment } from "#core/configuration/environment.ts";

/** Any of these says: this is a bridge for a homeserver, not the playground. */
const BRIDGE_SETTINGS = ["HOMESERVER_URL", "SERVER_NAME", "AS_TOKEN", "HS_TOKEN"];

/** Reads `.env` of the working directory; what is in the environment already wins. */
export function loadDotEnv(): void {
  if (existsSync(".env")) process.loadEnvFile(".env");
}

export const isConfigured = (): boolean => BRIDGE_SETTINGS.some((name) => process.env[name]);

/** A sentence for the person at the terminal: nothing is wrong with the program. */
export class EnvironmentError extends Error {}

export function environmentOrThrow(env: Record<string, string | undefined>): Environment {
  const environment = readEnvironment(env);
  if (environment.ok) return environment.value;
  throw new EnvironmentError(`The bridge is not set up; in the environment or in .env:\n${environment.error}`);
}
