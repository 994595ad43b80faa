/**
 * Sessions: which messages belong to one conversation of an agent. That is decided by the agent, the room (with those it
 * has replaced), and by the agent's `scope` the thread, the user, or both. In a direct chat the user always counts: whoever
 * takes their place there begins another conversation.
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
  /** It was a direct chat until another user joined, so that what was said in private is no part of it. */
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
export const sessionScope = (conversation: Conversation): string[] =>
  scopeOf(conversation, conversation.direct || isByUser(conversation));

/**
 * The parts as the versions before wrote them, which left the user of a direct chat out; undefined where they are the same.
 * Such a session goes on for the user who asked last in it.
 */
export const formerScope = (conversation: Conversation): string[] | undefined =>
  conversation.direct && !isByUser(conversation) ? scopeOf(conversation, false) : undefined;

const modeOf = ({ agent, direct }: Conversation): Settings["scope"] =>
  direct ? agent.settings.dmScope : agent.settings.scope;

const isByUser = (conversation: Conversation): boolean => ["user", "thread+user"].includes(modeOf(conversation));

function scopeOf(conversation: Conversation, withSender: boolean): string[] {
  const { agent, origin, sender, opened, answersIn } = conversation;
  const isByThread = ["thread", "thread+user"].includes(modeOf(conversation));
  const thread = isByThread ? (answersIn ?? "") : "";
  return [opened ? "opened" : "session", agent.id, origin, thread, ...(withSender ? [sender] : [])];
}

/** The parts after `!new`: `epoch` says when the new conversation began, 0 before the first time. */
export const epochScope = (scope: readonly string[], epoch: number): string[] =>
  epoch === 0 ? [...scope] : ["epoch", String(epoch), ...scope];

/** `mx.<agent>.<digest>`: people read the agent, the digest tells sessions apart. */
export function sessionKey(agent: AgentId, digest: string): SessionKey {
  const readable = agent.replaceAll("=", "-").slice(0, BOUNDS.sessionAgent.max);
  return SessionKey.parse(`mx.${readable}.${digest.slice(0, DIGEST_LENGTH)}`);
}
