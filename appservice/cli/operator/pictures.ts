/**
 * Many pictures are more than one request may carry. They are then sent one by one, each with its agent, after the rest of
 * the configuration; those that the bridge has already are not sent.
 */
import { isDeepStrictEqual } from "node:util";
import { AgentSpec } from "#core/configuration/agent.ts";
import type { Configuration } from "#core/configuration/configuration.ts";
import { MASK } from "#core/configuration/url-secrets.ts";
import { askBridge, Refused } from "../api/ask.ts";
import type { Where } from "../api/where.ts";

/** With more characters of pictures than this they are sent one by one. A request may have 8 MiB. */
const TOGETHER_MAX = 4_000_000;

const Picture = AgentSpec.pick({ avatar: true });

/** The picture that the bridge has of an agent; undefined where it has none. */
export async function storedPicture(where: Where, id: string): Promise<AgentSpec["avatar"]> {
  const path = `agents/${encodeURIComponent(id)}/avatar`;
  const answer = await askBridge(where, "GET", path).catch((error: unknown) => {
    if (error instanceof Refused) return {};
    throw error;
  });
  return Picture.parse(answer).avatar;
}

export interface Parts {
  /** The first request: without new pictures, and with a mask for those that are stored. */
  first: Configuration;
  /** The agents whose pictures are new, each to be sent by itself. */
  later: AgentSpec[];
}

export async function inParts(where: Where, configuration: Configuration): Promise<Parts> {
  const size = configuration.agents.reduce((sum, { avatar }) => sum + (avatar?.base64.length ?? 0), 0);
  if (size <= TOGETHER_MAX) return { first: configuration, later: [] };
  const parts: Parts = { first: { ...configuration, agents: [] }, later: [] };
  for (const agent of configuration.agents) {
    const { avatar, ...rest } = agent;
    const stored = avatar && (await storedPicture(where, agent.id));
    const isSame = stored !== undefined && isDeepStrictEqual(stored, avatar);
    if (avatar && !isSame) parts.later.push(agent);
    parts.first.agents.push(stored ? { ...rest, avatar: { ...stored, base64: MASK } } : rest);
  }
  return parts;
}

export async function sendPictures(where: Where, agents: readonly AgentSpec[]): Promise<void> {
  for (const { id, ...agent } of agents) await askBridge(where, "PUT", `agents/${encodeURIComponent(id)}`, agent);
}
