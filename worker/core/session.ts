/** A session: one agent's conversation in one room or thread. */
import type { AgentId, EventId, RoomId } from "./protocol/ids.ts";
import type { SessionKey } from "./turn.ts";

const DIGEST_LENGTH = 20;
/** With `mx.`, a dot and the digest the key has at most 128 characters. */
const AGENT_LENGTH_MAX = 104;

/** What makes a session this one and no other; its digest goes into the key, for room ids are nobody else's business. */
export const sessionScope = (agent: AgentId, roomId: RoomId, threadRoot: EventId | undefined): string[] => [
  "session",
  agent,
  roomId,
  threadRoot ?? "",
];

/** `mx.<agent>.<digest>`: the agent is there for people's eyes, the digest tells sessions apart. */
export function sessionKey(agent: AgentId, digest: string): SessionKey {
  const readable = agent.replaceAll("=", "-").slice(0, AGENT_LENGTH_MAX);
  return `mx.${readable}.${digest.slice(0, DIGEST_LENGTH)}`;
}
