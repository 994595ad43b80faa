/** Threads: which agent and which user hold one, so that its next message needs no mention. */
import type { Message } from "../message/message.ts";
import type { AgentId, EventId, UserId } from "../protocol/ids.ts";
import type { Facts, ThreadHold, Verdict } from "./facts.ts";

/** The change a message makes to the thread it is in, or begins. */
export type ThreadChange =
  | { root: EventId; hold: { agent: AgentId; holder: UserId } }
  | { root: EventId; shared: true };

/**
 * A user who wakes one agent holds the thread with it. Another user or agent that speaks there ends that for good.
 * Undefined when the message changes nothing.
 */
export function threadChange(message: Message, facts: Facts, verdict: Verdict): ThreadChange | undefined {
  const { threadRoot } = message.relations;
  const { thread, sender } = facts;
  if (thread && threadRoot && endsHold(message, facts, thread)) return { root: threadRoot, shared: true };
  if (verdict.kind !== "wake" || sender.isOurs) return undefined;
  const [woken, another] = verdict.woken;
  const root = threadRoot ?? woken?.conversation.answersIn;
  if (!woken || root === undefined) return undefined;
  const agent = woken.concerned.agent.id;
  if (another || (thread && thread.agent !== agent)) return { root, shared: true };
  return { root, hold: { agent, holder: message.event.sender } };
}

/** Another user, or the reply of another agent. Notices of ours are no replies. */
function endsHold({ event, mark }: Message, facts: Facts, { agent, holder, shared }: ThreadHold): boolean {
  if (shared || facts.softFailed || event.sender === holder) return false;
  return facts.sender.isOurs ? mark?.kind === "reply" && facts.sender.agent !== agent : true;
}
