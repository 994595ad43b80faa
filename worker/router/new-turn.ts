/** Turns and sessions, under ids that are the same however often an event is decided. */
import type { Woken } from "#core/gate/facts.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { type Conversation, epochScope, sessionKey, sessionScope } from "#core/turn/session.ts";
import { type NewTurn, type SessionKey, TurnId } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { digest } from "./digest.ts";
import type { Occasion } from "./occasion.ts";

const TURN_ID_LENGTH = 24;

/** The session of a conversation, and `base`, the key it had before the first `!new`. */
export async function sessionOf(
  ledger: Pick<Ledger, "epoch">,
  conversation: Conversation,
): Promise<{ session: SessionKey; base: SessionKey }> {
  const { id } = conversation.agent;
  const scope = sessionScope(conversation);
  const base = sessionKey(id, digest(scope));
  const epoch = await ledger.epoch(base);
  return { base, session: epoch === 0 ? base : sessionKey(id, digest(epochScope(scope, epoch))) };
}

export async function newTurn(
  ledger: Pick<Ledger, "epoch">,
  { waiting: { event }, facts: { nowMs, ageMs } }: Occasion,
  { concerned: { agent }, text, conversation }: Woken,
  hop: number,
): Promise<NewTurn> {
  const { debounce } = agent.turns;
  const { direct, answersIn } = conversation;
  const { session } = await sessionOf(ledger, conversation);
  return {
    id: TurnId.parse(digest(["turn", agent.id, event.event_id]).slice(0, TURN_ID_LENGTH)),
    session,
    agent: agent.id,
    roomId: event.room_id,
    direct,
    hop,
    askedAtMs: nowMs - ageMs,
    notBeforeMs: debounce > 0 ? nowMs + debounce * 1_000 : 0,
    prompt: { eventId: event.event_id, sender: event.sender, text, sentAtMs: sentAtMs(event) },
    ...(answersIn ? { threadRoot: answersIn } : {}),
  };
}

/** The sender's server sets it; libSQL's client throws at reading a number that is not exact. */
const sentAtMs = ({ origin_server_ts: ms = 0 }: RoomEvent): number => (Number.isSafeInteger(ms) ? ms : 0);
