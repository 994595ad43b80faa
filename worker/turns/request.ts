/** What a backend is asked: the turn in the words of the contract. */
import type { Agent } from "#core/configuration/agent.ts";
import type { InputMessage, SessionRef, TurnRequest } from "#core/turn/backend.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";

/** How much of a session is looked at for its history. */
export const TRANSCRIPT_TURNS = 50;

/** `context` is what the backend is told beside the prompt. */
export function requestOf(ledger: Pick<Ledger, "transcript">, turn: Turn, agent: Agent, context: string): TurnRequest {
  const { threadRoot } = turn;
  return {
    turnId: turn.id,
    agentId: agent.id,
    agentName: agent.name,
    session: { key: turn.session, scope: scopeOf(turn) },
    kind: "message",
    instructions: agent.settings.prompt,
    model: agent.settings.model,
    context,
    input: [userMessage(turn)],
    history: async () => {
      const turns = await ledger.transcript(turn.session, TRANSCRIPT_TURNS);
      return turns.reverse().flatMap((past) => [userMessage(past), ...assistantMessage(past)]);
    },
    room: { id: turn.roomId, direct: turn.direct, ...(threadRoot ? { threadRoot } : {}) },
  };
}

/** A thread of a direct chat is still between two. */
const scopeOf = ({ direct, threadRoot }: Turn): SessionRef["scope"] => (direct ? "dm" : threadRoot ? "thread" : "room");

const userMessage = ({ prompt }: Turn): InputMessage => ({
  role: "user",
  id: prompt.eventId,
  parts: [{ type: "text", text: prompt.text }],
  sender: { userId: prompt.sender },
  ts: prompt.sentAtMs,
});

/** Our own apologies are no words of the agent's. */
const assistantMessage = ({ id, prompt, reply }: Turn): InputMessage[] =>
  reply?.kind === "reply"
    ? [{ role: "assistant", id, parts: [{ type: "text", text: reply.markdown }], ts: prompt.sentAtMs }]
    : [];
