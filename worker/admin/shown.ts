/** What an operator is shown of agents and of changes: nothing that is secret, and no pictures where they only fill space. */
import type { AgentSpec } from "#core/agent.ts";
import type { Change, Configuration } from "#core/policy/configuration.ts";
import type { SecretVault } from "#ports";

const shownAgent = (vault: SecretVault, agent: AgentSpec): AgentSpec => ({
  ...agent,
  backend: vault.masked(agent.backend),
});

export const shownConfiguration = (vault: SecretVault, configuration: Configuration): Configuration => ({
  ...configuration,
  agents: configuration.agents.map((agent) => shownAgent(vault, agent)),
});

/** In a list of many an avatar is there or not. */
export const listedAgent = (vault: SecretVault, { avatar, ...agent }: AgentSpec) => ({
  ...shownAgent(vault, agent),
  avatar: avatar !== undefined,
});

export const shownChange = (vault: SecretVault, change: Change): Change => ({
  path: change.path,
  ...("before" in change ? { before: shownAt(vault, change.path, change.before) } : {}),
  ...("after" in change ? { after: shownAt(vault, change.path, change.after) } : {}),
});

/** The names around a value count as its own: below `headers.token` everything is secret. */
function shownAt(vault: SecretVault, path: string, value: unknown): unknown {
  const around = path.match(/^agents\..*?\.(backend|avatar)\.(.+)$/);
  const name = around?.[2] ?? "value";
  const hidden = vault.masked({ use: "", [name]: withoutPictures(value, name) });
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
