/** Makes a turn's request to its backend, in the types of the backend contract. */
import type { Agent } from "#core/configuration/agent.ts";
import type { InputMessage, SessionRef, TurnRequest } from "#core/turn/backend.ts";
import { askedIn, markdownOf, type Prompt, type Turn } from "#core/turn/turn.ts";
import type { TurnLedger } from "#ports/turns.ts";

/** How many turns of a session are read for its history. */
export const TRANSCRIPT_TURNS = 50;

/** `context`: the text beside the prompts (context.ts). */
export function requestOf(
  ledger: Pick<TurnLedger, "transcript">,
  turn: Turn,
  agent: Agent,
  context: string,
): TurnRequest {
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
    input: askedIn(turn).map(userMessage),
    history: async () => {
      const past = await ledger.transcript(turn.session, TRANSCRIPT_TURNS);
      return past.reverse().flatMap((one) => [...askedIn(one).map(userMessage), ...assistantMessages(one)]);
    },
    room: { id: turn.roomId, direct: turn.direct, ...(threadRoot ? { threadRoot } : {}) },
  };
}

/** A thread of a direct chat is still a direct chat. */
const scopeOf = ({ direct, threadRoot }: Turn): SessionRef["scope"] => (direct ? "dm" : threadRoot ? "thread" : "room");

const userMessage = ({ eventId, sender, parts, sentAtMs }: Prompt): InputMessage => ({
  role: "user",
  id: eventId,
  parts: [...parts],
  sender: { userId: sender },
  ts: sentAtMs,
});

/**
 * The agent's own words only: our apologies are not part of its history. Nor is an answer to what was taken back, because it
 * may repeat it.
 */
const assistantMessages = ({ id, prompt, redacted, reply }: Turn): InputMessage[] =>
  reply?.kind === "reply" && !redacted
    ? [{ role: "assistant", id, parts: [{ type: "text", text: markdownOf(reply.parts) }], ts: prompt.sentAtMs }]
    : [];
