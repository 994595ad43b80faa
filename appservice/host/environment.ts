/** Reads the environment variables of a command, with those of `.env`. */
import { existsSync } from "node:fs";
import { type Environment, readEnvironment } from "#core/configuration/environment.ts";

/** If one of these is set, this is the bridge of a homeserver and not the playground. */
const BRIDGE_SETTINGS = ["HOMESERVER_URL", "SERVER_NAME", "AS_TOKEN", "HS_TOKEN"];

/** Reads `.env` of the working directory. Variables of the environment win. */
export function loadDotEnv(): void {
  if (existsSync(".env")) process.loadEnvFile(".env");
}

export const isConfigured = (): boolean => BRIDGE_SETTINGS.some((name) => process.env[name]);

/** A mistake of the operator, printed as a sentence without a stack. */
export class EnvironmentError extends Error {}

/** Throws an `EnvironmentError` with a line for each invalid variable. */
export function environmentOrThrow(env: Record<string, string | undefined>): Environment {
  const environment = readEnvironment(env);
  if (environment.ok) return environment.value;
  throw new EnvironmentError(`The bridge is not set up; in the environment or in .env:\n${environment.error}`);
}
