/** The self-hosted bridge, from the environment. */
import { untilStopped } from "../host/run.ts";
import { serve } from "../host/serve.ts";
import { agentsOf, configOrThrow } from "../host/settings.ts";

export async function serveConfigured(): Promise<void> {
  const config = configOrThrow(process.env);
  const agents = agentsOf(config.TROUPE_FILE);
  await untilStopped(() => serve({ config, env: process.env, ...(agents ? { agents } : {}) }));
}
