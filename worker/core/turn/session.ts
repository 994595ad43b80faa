/**
 * A session: one agent's conversation. What makes two messages parts of one conversation is decided here and nowhere
 * else: the agent, the room (with those it has replaced), and by the agent's `scope` the thread, the person, or both.
 */
import type { Settings } from "../configuration/settings.ts";
import type { AgentId, EventId, RoomId, UserId } from "../protocol/ids.ts";
import type { SessionKey } from "./turn.ts";

const DIGEST_LENGTH = 20;
/** With `mx.`, a dot and the digest the key has at most 128 characters. */
const AGENT_LENGTH_MAX = 104;

export interface Where {
  agent: AgentId;
  /** The first of the rooms that replaced each other: a conversation goes on in the new one. */
  origin: RoomId;
  sender: UserId;
  eventId: EventId;
  /** The thread the message was said in. */
  thread?: EventId | undefined;
  direct: boolean;
  /** It was a direct chat until somebody else came. */
  opened: boolean;
  settings: Pick<Settings, "scope" | "dmScope" | "threads" | "dmThreads">;
}

/** The thread an answer goes to; undefined: into the room itself. */
export function answerThread({ thread, eventId, direct, settings }: Where): EventId | undefined {
  const mode = direct ? settings.dmThreads : settings.threads;
  if (mode === "off") return undefined;
  return mode === "always" ? (thread ?? eventId) : thread;
}

/**
 * What makes a session this one and no other; its digest goes into the key, for room ids are nobody else's business.
 * Each part has its place, so that no id of one kind can be taken for another kind's.
 */
export function sessionScope(where: Where): string[] {
  const { agent, origin, sender, direct, opened, settings } = where;
  const scope = direct ? settings.dmScope : settings.scope;
  const thread = scope === "thread" || scope === "thread+user" ? (answerThread(where) ?? "") : "";
  const user = scope === "user" || scope === "thread+user" ? [sender] : [];
  return [opened ? "opened" : "session", agent, origin, thread, ...user];
}

/** The same after `!new`: another session, told apart by when it began. 0 is before the first time. */
export const epochScope = (scope: readonly string[], epoch: number): string[] =>
  epoch === 0 ? [...scope] : ["epoch", String(epoch), ...scope];

/** `mx.<agent>.<digest>`: the agent is there for people's eyes, the digest tells sessions apart. */
export function sessionKey(agent: AgentId, digest: string): SessionKey {
  const readable = agent.replaceAll("=", "-").slice(0, AGENT_LENGTH_MAX);
  return `mx.${readable}.${digest.slice(0, DIGEST_LENGTH)}`;
}
