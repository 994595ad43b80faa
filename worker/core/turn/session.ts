/**
 * Sessions: which messages belong to one conversation of an agent. That is decided by the agent, the room (with those it
 * has replaced), and by the agent's `scope` the thread, the user, or both.
 */
import { BOUNDS } from "../bounds.ts";
import type { Settings } from "../configuration/settings.ts";
import type { AgentId, EventId, RoomId, UserId } from "../protocol/ids.ts";
import { SessionKey } from "./turn.ts";

const DIGEST_LENGTH = 20;
/** A conversation of an agent: who talks with it, and where. */
export interface Conversation {
  agent: { id: AgentId; settings: Pick<Settings, "scope" | "dmScope"> };
  /** The first of the rooms that replaced each other: a conversation goes on in the new one. */
  origin: RoomId;
  sender: UserId;
  direct: boolean;
  /** It was a direct chat until another user joined. */
  opened: boolean;
  /** The thread the answer goes to; undefined: into the room itself. */
  answersIn: EventId | undefined;
}

/** The thread the answer to a message goes to, by the agent's settings; undefined: into the room itself. */
export function answerThread(
  { thread, eventId }: { eventId: EventId; thread?: EventId },
  direct: boolean,
  settings: Pick<Settings, "threads" | "dmThreads">,
): EventId | undefined {
  const mode = direct ? settings.dmThreads : settings.threads;
  if (mode === "off") return undefined;
  return mode === "always" ? (thread ?? eventId) : thread;
}

/**
 * The parts that tell one session from another. Their digest goes into the key, because keys land in other systems' logs
 * and room ids must not. Each part has its place, so that an id of one kind is never taken for another kind's.
 */
export function sessionScope({ agent, origin, sender, direct, opened, answersIn }: Conversation): string[] {
  const scope = direct ? agent.settings.dmScope : agent.settings.scope;
  const thread = scope === "thread" || scope === "thread+user" ? (answersIn ?? "") : "";
  const user = scope === "user" || scope === "thread+user" ? [sender] : [];
  return [opened ? "opened" : "session", agent.id, origin, thread, ...user];
}

/** The parts after `!new`: `epoch` says when the new conversation began, 0 before the first time. */
export const epochScope = (scope: readonly string[], epoch: number): string[] =>
  epoch === 0 ? [...scope] : ["epoch", String(epoch), ...scope];

/** `mx.<agent>.<digest>`: people read the agent, the digest tells sessions apart. */
export function sessionKey(agent: AgentId, digest: string): SessionKey {
  const readable = agent.replaceAll("=", "-").slice(0, BOUNDS.sessionAgent.max);
  return SessionKey.parse(`mx.${readable}.${digest.slice(0, DIGEST_LENGTH)}`);
}
