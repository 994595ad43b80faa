/** The self-hosted bridge, from the environment. */
import { configurationOf } from "../host/configuration/given.ts";
import { untilStopped } from "../host/run.ts";
import { serve } from "../host/serve.ts";
import { configOrThrow } from "../host/settings.ts";

export async function serveConfigured(): Promise<void> {
  const config = configOrThrow(process.env);
  const configuration = configurationOf(process.env);
  await untilStopped(() => serve({ config, env: process.env, ...(configuration ? { configuration } : {}) }));
}
