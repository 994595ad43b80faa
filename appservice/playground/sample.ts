/** The sample agents of a playground without a `troupe.yaml`. */
import { isDeepStrictEqual } from "node:util";
import { AgentSpec } from "#core/configuration/agent.ts";
import type { Configuration } from "#core/configuration/configuration.ts";

/** The guide is a script; the helper is a model, whose API key is named only if one is set. */
function sample(hasKey: boolean): AgentSpec[] {
  const apiKey = hasKey ? { apiKey: "$OPENAI_API_KEY" } : {};
  const model = { use: "openai", baseUrl: "$OPENAI_BASE_URL", ...apiKey, model: "$TROUPE_MODEL" };
  return [
    AgentSpec.parse({ id: "guide", name: "Guide", backend: { use: "scripted" } }),
    AgentSpec.parse({ id: "helper", name: "Helper", backend: model }),
  ];
}

/** The stored configuration, with the sample agents if it has none. An unchanged helper follows the API key variable. */
export function withSample(stored: Configuration, env: Record<string, string | undefined>): Configuration {
  const hasKey = Boolean(env["OPENAI_API_KEY"]);
  const wanted = sample(hasKey);
  if (stored.agents.length === 0) return { ...stored, agents: wanted };
  const earlier = sample(!hasKey);
  const agents = stored.agents.map((agent) => {
    const at = earlier.findIndex((one) => isDeepStrictEqual(one, agent));
    return wanted[at] ?? agent;
  });
  return { ...stored, agents };
}
