/** New turns and their sessions. Their ids are deterministic: an event that is decided again gets the same ones. */
import type { Woken } from "#core/gate/facts.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { type Conversation, epochScope, sessionKey, sessionScope } from "#core/turn/session.ts";
import { type NewTurn, type SessionKey, TurnId, textPrompt } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { WaitingTurns } from "#ports/turns.ts";
import { digest } from "./digest.ts";
import type { Occasion } from "./occasion.ts";

const TURN_ID_LENGTH = 24;

export interface Session {
  session: SessionKey;
  /** The session's key before the first `!new`. */
  base: SessionKey;
  waiting: WaitingTurns;
}

type SessionReads = Pick<Ledger, "epoch" | "waitingIn">;

/** The conversation's session since its last `!new`, and the turns that wait in it. */
export async function sessionOf(ledger: SessionReads, conversation: Conversation): Promise<Session> {
  const { id } = conversation.agent;
  const scope = sessionScope(conversation);
  const base = sessionKey(id, digest(scope));
  const { epoch, waiting } = await ledger.epoch(base);
  if (epoch === 0) return { base, session: base, waiting };
  const session = sessionKey(id, digest(epochScope(scope, epoch)));
  return { base, session, waiting: await ledger.waitingIn(session) };
}

/** The turn for a woken agent, not stored yet, and the turns that already wait in its session. */
export async function newTurn(
  ledger: SessionReads,
  { waiting: { event }, facts: { nowMs, ageMs } }: Occasion,
  { concerned: { agent }, text, conversation }: Woken,
  hop: number,
): Promise<{ turn: NewTurn; waiting: WaitingTurns }> {
  const { debounce } = agent.turns;
  const { direct, answersIn } = conversation;
  const { session, waiting } = await sessionOf(ledger, conversation);
  const turn: NewTurn = {
    id: TurnId.parse(digest(["turn", agent.id, event.event_id]).slice(0, TURN_ID_LENGTH)),
    session,
    agent: agent.id,
    roomId: event.room_id,
    direct,
    hop,
    askedAtMs: nowMs - ageMs,
    notBeforeMs: debounce > 0 ? nowMs + debounce * 1_000 : 0,
    prompt: { eventId: event.event_id, sender: event.sender, parts: textPrompt(text), sentAtMs: sentAtMs(event) },
    ...(answersIn ? { threadRoot: answersIn } : {}),
  };
  return { turn, waiting };
}

/** The sender's server chooses it. 0 for an unsafe integer: libSQL's client throws when it reads one back. */
const sentAtMs = ({ origin_server_ts: ms = 0 }: RoomEvent): number => (Number.isSafeInteger(ms) ? ms : 0);
