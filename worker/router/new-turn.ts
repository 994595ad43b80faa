/** New turns and their sessions. Their ids are deterministic: an event that is decided again gets the same ones. */
import type { Woken } from "#core/gate/facts.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { type Conversation, epochScope, formerScope, sessionKey, sessionScope } from "#core/turn/session.ts";
import { type NewTurn, type SessionKey, TurnId, textPrompt } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Asker, OpenTurns, SessionEpoch, WaitingTurns } from "#ports/turns.ts";
import { digest } from "./digest.ts";
import type { Occasion } from "./occasion.ts";

const TURN_ID_LENGTH = 24;

export interface Session {
  session: SessionKey;
  /** The session's key before the first `!new`. */
  base: SessionKey;
  waiting: WaitingTurns;
  open: OpenTurns;
  /** The session's key from this event's seq on, if it begins the session anew. */
  anew(epoch: number): SessionKey;
}

type SessionReads = Pick<Ledger, "epoch" | "waitingIn">;

/** The conversation's session since its last `!new`, and the turns that wait in it. */
export async function sessionOf(ledger: SessionReads, conversation: Conversation, asker?: Asker): Promise<Session> {
  const { id } = conversation.agent;
  const [scope, former] = [sessionScope(conversation), formerScope(conversation)];
  const keyOf = (parts: readonly string[]) => sessionKey(id, digest(parts));
  const base = keyOf(scope);
  const read = await ledger.epoch(base, former && keyOf(former), asker);
  const { open } = read;
  const anew = (epoch: number) => keyOf(epochScope(scope, epoch));
  const own = await since(ledger, keyOf, scope, read);
  if (former && read.former && read.epoch === 0) {
    const old = await since(ledger, keyOf, former, read.former);
    // The rule is read off the turns: from now on only this user asks in that session.
    if (old.waiting.last?.direct && old.waiting.last.sender === conversation.sender)
      return { ...old, base, open, anew };
  }
  const wasPrivate = !conversation.direct && !conversation.opened && own.waiting.last?.direct === true;
  return wasPrivate ? sessionOf(ledger, { ...conversation, opened: true }, asker) : { ...own, base, open, anew };
}

async function since(
  ledger: SessionReads,
  keyOf: (parts: readonly string[]) => SessionKey,
  scope: readonly string[],
  { epoch, waiting }: SessionEpoch,
): Promise<Omit<Session, "base" | "open" | "anew">> {
  const session = keyOf(epochScope(scope, epoch));
  return { session, waiting: epoch === 0 ? waiting : await ledger.waitingIn(session) };
}

/** The turn for a woken agent, not stored yet, and the turns that already wait in its session. */
export async function newTurn(
  ledger: SessionReads,
  { waiting: { event }, facts: { nowMs, ageMs, sender, askers } }: Occasion,
  { concerned: { agent }, text, conversation }: Woken,
  hop: number,
): Promise<Pick<Session, "waiting" | "open"> & { turn: NewTurn }> {
  const { debounce } = agent.turns;
  const { direct, answersIn } = conversation;
  const asker = { sender: event.sender, roomId: event.room_id };
  const { session, waiting, open } = await sessionOf(ledger, conversation, asker);
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
    ...(sender.isOurs && askers ? { onBehalfOf: askers.map(({ userId }) => userId) } : {}),
  };
  return { turn, waiting, open };
}

/** The sender's server chooses it. 0 for an unsafe integer: libSQL's client throws when it reads one back. */
const sentAtMs = ({ origin_server_ts: ms = 0 }: RoomEvent): number => (Number.isSafeInteger(ms) ? ms : 0);
