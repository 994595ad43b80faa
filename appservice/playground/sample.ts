/** The agents of a playground without a `troupe.yaml`. */
import { isDeepStrictEqual } from "node:util";
import { AgentSpec } from "#core/configuration/agent.ts";
import type { Configuration } from "#core/configuration/configuration.ts";

/** The guide always; the helper is a model, with a key where one is set. */
function sample(hasKey: boolean): AgentSpec[] {
  const key = hasKey ? { apiKey: "$OPENAI_API_KEY" } : {};
  const model = { use: "openai", baseUrl: "$OPENAI_BASE_URL", ...key, model: "$TROUPE_MODEL" };
  return [
    AgentSpec.parse({ id: "guide", name: "Guide", backend: { use: "scripted" } }),
    AgentSpec.parse({ id: "helper", name: "Helper", backend: model }),
  ];
}

/** The first time the sample; later what somebody made of it, and the helper's key where nobody touched the helper. */
export function settled(held: Configuration, env: Record<string, string | undefined>): Configuration {
  const hasKey = Boolean(env["OPENAI_API_KEY"]);
  const wanted = sample(hasKey);
  if (held.agents.length === 0) return { ...held, agents: wanted };
  const untouched = sample(!hasKey);
  const agents = held.agents.map((agent) => {
    const at = untouched.findIndex((one) => isDeepStrictEqual(one, agent));
    return wanted[at] ?? agent;
  });
  return { ...held, agents };
}
