/**
 * The context of a turn, gathered at each attempt: the room as it is now, the message the prompt replies to, the first
 * message of the thread, and the messages in between. Best effort: a turn waits at most a few seconds for it, and never
 * fails because of it.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Agent } from "#core/configuration/agent.ts";
import type { RoomFacts } from "#core/gate/facts.ts";
import { isIgnored, isUserOf } from "#core/gate/permits.ts";
import { parseCommand } from "#core/message/command.ts";
import { markIn } from "#core/message/mark.ts";
import { relationsOf } from "#core/message/text.ts";
import { roomEvent } from "#core/protocol/client/messages.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { type EventId, isLocal, isOurs, type Namespace, type UserId } from "#core/protocol/ids.ts";
import { powerOf } from "#core/protocol/room-state.ts";
import type { BackendCapabilities } from "#core/turn/backend.ts";
import { prefaceOf, type Quote, quoteOf } from "#core/turn/prompt.ts";
import { promptsOf, type Turn } from "#core/turn/turn.ts";
import type { Answer, Intent } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { RoomLedger } from "#ports/rooms.ts";
import type { SessionLedger, TurnLedger } from "#ports/turns.ts";
import { TRANSCRIPT_TURNS } from "./request.ts";

export interface ContextNeeds {
  ledger: Pick<RoomLedger, "room" | "sender"> &
    Pick<SessionLedger, "event" | "isFirst" | "chatter"> &
    Pick<TurnLedger, "transcript">;
  clock: Clock;
  log: Log;
  namespace: Namespace;
}

/** Some messages may not be shown to the agent, so more are read than are wanted. */
const CHATTER_FACTOR = 3;
interface Place {
  needs: ContextNeeds;
  turn: Turn;
  agent: Agent;
  intent: Pick<Intent, "userId" | "send">;
  /** Where the backend's transcript is kept. */
  history: BackendCapabilities["history"];
}

/** The context as text for the backend; see core/turn/prompt.ts. */
export async function contextFor(
  needs: ContextNeeds,
  turn: Turn,
  agent: Agent,
  intent: Pick<Intent, "userId" | "send">,
  history: BackendCapabilities["history"],
): Promise<string> {
  const place: Place = { needs, turn, agent, intent, history };
  const { roomId, threadRoot, prompt, direct } = turn;
  const [room, start, replied] = await Promise.all([needs.ledger.room(roomId), threadStart(place), repliedTo(place)]);
  const { name, topic } = room.state;
  const mayQuote = permission(place, room);
  const permitted = async (quote: Quote | undefined) => (quote && (await mayQuote(quote.sender)) ? quote : undefined);
  return prefaceOf({
    room: { id: roomId, name, topic },
    direct,
    scope: direct ? agent.settings.dmScope : agent.settings.scope,
    threadRoot,
    prompt,
    threadStart: await permitted(start),
    repliedTo: replied?.eventId === start?.eventId ? undefined : await permitted(replied),
    chatter: await chatter(place, room, mayQuote, [start?.eventId, replied?.eventId]),
  });
}

/**
 * The message the thread begins with. A backend that keeps the transcript remembers it, so gets it only at the session's
 * first turn. Our own transcript has only prompts and replies, so the other backends get it at every turn.
 */
async function threadStart(place: Place): Promise<Quote | undefined> {
  const { turn, needs, history } = place;
  const { threadRoot, prompt } = turn;
  if (threadRoot === undefined || threadRoot === prompt.eventId) return undefined;
  if (history === "server" && !(await needs.ledger.isFirst(turn))) return undefined;
  return quoteUnlessKnown(place, threadRoot);
}

/** The message the prompt replies to. */
async function repliedTo(place: Place): Promise<Quote | undefined> {
  const prompt = await place.needs.ledger.event(place.turn.prompt.eventId);
  const target = prompt && relationsOf(prompt).repliedTo;
  return target === undefined ? undefined : quoteUnlessKnown(place, target);
}

/** A message, unless the session's transcript has it already: as a prompt, or as a reply of the agent. */
async function quoteUnlessKnown(place: Place, eventId: EventId): Promise<Quote | undefined> {
  const { needs, turn, intent } = place;
  const past = await needs.ledger.transcript(turn.session, TRANSCRIPT_TURNS);
  if (past.some((one) => promptsOf(one).some((prompt) => prompt.eventId === eventId))) return undefined;
  const event = await eventOf(place, eventId);
  if (!event) return undefined;
  const answered = event.sender === intent.userId ? markIn(event)?.turn : undefined;
  return answered !== undefined && past.some(({ id }) => id === answered) ? undefined : quoteOf(event);
}

/** An event of this room, from the ledger or from the homeserver. */
async function eventOf(place: Place, eventId: EventId): Promise<RoomEvent | undefined> {
  const kept = await place.needs.ledger.event(eventId);
  // The ledger has only the first text of a draft; the homeserver has the last edit.
  const isWhole = kept !== undefined && markIn(kept)?.kind !== "draft";
  const event = isWhole ? kept : ((await fetchEvent(place, eventId)) ?? kept);
  // An event id may name an event of another room, which must not be quoted here.
  return event?.room_id === place.turn.roomId ? event : undefined;
}

async function fetchEvent({ needs, turn, intent }: Place, eventId: EventId): Promise<RoomEvent | undefined> {
  const answer = await inTime(needs.clock, intent.send(roomEvent(turn.roomId, eventId)));
  if (answer.ok) return answer.value;
  const { status, errcode, message } = answer.error;
  if (isPassing(answer.error)) {
    needs.log("homeserver_unreachable", { turn: turn.id, eventId, status, errcode, message });
  }
  return undefined;
}

async function inTime<Value>(clock: Clock, answer: Promise<Answer<Value>>): Promise<Answer<Value>> {
  const done = new AbortController();
  const late = clock.sleep(BOUNDS.contextTime.max, done.signal).then(() => TOO_LATE);
  return Promise.race([answer, late]).finally(() => done.abort());
}
const TOO_LATE: Answer<never> = {
  ok: false,
  error: { status: 0, errcode: "M_UNREACHABLE", message: "no answer in time" },
};

type Permission = (sender: UserId) => Promise<boolean>;

/**
 * Whether a user's messages may be quoted to the agent, by its `contextFrom`; those of the prompt's sender and ours always.
 * Whoever else has said something in a direct chat has left it, and said it in private.
 */
function permission({ needs, turn, agent }: Place, room: RoomFacts): Permission {
  const { settings } = agent;
  const isUserOfIt = async (userId: UserId): Promise<boolean> => {
    const person = { userId, isLocal: isLocal(needs.namespace, userId), power: powerOf(room.state, userId) };
    if (isUserOf(settings, person)) return true;
    return (await needs.ledger.sender(turn.roomId, { sender: userId })).paired.includes(agent.id);
  };
  const known = new Map<UserId, Promise<boolean>>();
  return async (sender) => {
    if (isIgnored(settings, sender)) return false;
    if (sender === turn.prompt.sender || isOurs(needs.namespace, sender)) return true;
    if (turn.direct) return false;
    if (settings.contextFrom === "all") return true;
    const asked = known.get(sender) ?? isUserOfIt(sender);
    known.set(sender, asked);
    return asked;
  };
}

/** Messages since the last turn that addressed no agent of ours, without those that are quoted elsewhere. */
async function chatter(
  { needs, turn, agent }: Place,
  { present }: RoomFacts,
  mayQuote: Permission,
  quoted: readonly (EventId | undefined)[],
): Promise<Quote[]> {
  const { context, prefix } = agent.settings;
  if (context === 0) return [];
  // What was said before others came to a direct chat is none of their business.
  const isOpened = !turn.direct && present.some((one) => one.agent.id === agent.id && one.invitedDirectly);
  const limit = Math.min(context * CHATTER_FACTOR, BOUNDS.contextMessages.max);
  const events = await needs.ledger.chatter(turn, limit, isOpened ? "lastJoin" : "lastTurn");
  const said = events
    .filter(({ event_id, sender }) => !quoted.includes(event_id) && !isOurs(needs.namespace, sender))
    .flatMap((event) => quoteOf(event) ?? [])
    .filter(({ text }) => parseCommand(text, prefix) === undefined);
  const permitted = await Promise.all(said.map(({ sender }) => mayQuote(sender)));
  return said.filter((_, at) => permitted[at] === true).slice(-context);
}
