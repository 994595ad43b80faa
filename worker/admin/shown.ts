/** What an operator is shown of agents and of changes: nothing that is secret, and no pictures where they only fill space. */
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

/** In a list of many an avatar is there or not. */
export const listedAgent = (cipher: SecretCipher, { avatar, ...agent }: AgentSpec) => ({
  ...shownAgent(cipher, agent),
  avatar: avatar !== undefined,
});

export const shownChange = (cipher: SecretCipher, change: Change): Change => ({
  path: change.path,
  ...("before" in change ? { before: shownAt(cipher, change.path, change.before) } : {}),
  ...("after" in change ? { after: shownAt(cipher, change.path, change.after) } : {}),
});

/** The names around a value count as its own: below `headers.token` everything is secret. */
function shownAt(cipher: SecretCipher, path: string, value: unknown): unknown {
  const around = path.match(/^agents\..*?\.(backend|avatar)\.(.+)$/);
  const name = around?.[2] ?? "value";
  const hidden = cipher.masked({ use: "", [name]: withoutPictures(value, name) });
  return hidden[name];
}

const PICTURE_SHOWN = 24;

function withoutPictures(value: unknown, name: string): unknown {
  if (typeof value === "string" && name === "base64" && value.length > PICTURE_SHOWN) {
    return `${value.slice(0, PICTURE_SHOWN)}… (${value.length} letters)`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutPictures(one, key)]));
}
