/** `troupe serve`: the Node host, configured by environment variables. */
import { configurationOf } from "../host/configuration/given.ts";
import { environmentOrThrow } from "../host/environment.ts";
import { untilStopped } from "../host/process/run.ts";
import { serve } from "../host/serve.ts";

export async function serveConfigured(): Promise<void> {
  const environment = environmentOrThrow(process.env);
  const configuration = configurationOf(process.env);
  await untilStopped(() => serve({ environment, env: process.env, ...(configuration ? { configuration } : {}) }));
}
