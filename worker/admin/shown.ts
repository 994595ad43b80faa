/** Agents and changes as operators may see them: secrets are masked, avatars shortened. */
import type { AgentSpec } from "#core/configuration/agent.ts";
import type { Change, Configuration } from "#core/configuration/configuration.ts";
import type { SecretCipher } from "#ports/backends.ts";

const shownAgent = (cipher: SecretCipher, agent: AgentSpec): AgentSpec => ({
  ...agent,
  backend: cipher.masked(agent.backend),
});

export const shownConfiguration = (cipher: SecretCipher, configuration: Configuration): Configuration => ({
  ...configuration,
  agents: configuration.agents.map((agent) => shownAgent(cipher, agent)),
});

/** For the list of agents, which only says whether there is an avatar. */
export const listedAgent = (cipher: SecretCipher, { avatar, ...agent }: AgentSpec) => ({
  ...shownAgent(cipher, agent),
  avatar: avatar !== undefined,
});

export function shownChange(cipher: SecretCipher, { path, ...change }: Change): Change {
  const shown: Change = { path };
  if ("before" in change) shown.before = shownAt(cipher, path, change.before);
  if ("after" in change) shown.after = shownAt(cipher, path, change.after);
  return shown;
}

/** Masks by all names on the path: everything below `headers.token` is secret. */
function shownAt(cipher: SecretCipher, path: string, value: unknown): unknown {
  const below = path.match(/^agents\..*?\.(backend|avatar)\.(.+)$/);
  const name = below?.[2] ?? "value";
  return cipher.masked({ use: "", [name]: withoutPictures(value, name) })[name];
}

const PICTURE_SHOWN = 24;

function withoutPictures(value: unknown, name: string): unknown {
  if (typeof value === "string" && name === "base64" && value.length > PICTURE_SHOWN) {
    return `${value.slice(0, PICTURE_SHOWN)}… (${value.length} characters)`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutPictures(one, key)]));
}
