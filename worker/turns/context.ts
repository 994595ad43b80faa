/**
 * What a turn is told beside its prompt, gathered when it is attempted: the room as it is now, the message that is
 * replied to, the beginning of the thread, what was said in between. A turn never waits long for any of it and never fails
 * for want of it.
 */
import type { Agent } from "#core/configuration/agent.ts";
import type { RoomFacts } from "#core/gate/facts.ts";
import { isIgnored, isUserOf } from "#core/gate/permits.ts";
import { parseCommand } from "#core/message/command.ts";
import { markIn } from "#core/message/mark.ts";
import { relationsOf } from "#core/message/text.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import { RoomEvent } from "#core/protocol/event.ts";
import { type EventId, isLocal, isOurs, type Namespace, type UserId } from "#core/protocol/ids.ts";
import { powerOf } from "#core/protocol/room-state.ts";
import type { BackendCapabilities } from "#core/turn/backend.ts";
import { prefaceOf, type Quote, quoteOf } from "#core/turn/prompt.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { Answer, Intent } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { TRANSCRIPT_TURNS } from "./request.ts";

export interface ContextNeeds {
  ledger: Pick<Ledger, "room" | "event" | "isFirst" | "chatter" | "transcript" | "sender">;
  clock: Clock;
  log: Log;
  namespace: Namespace;
}

/** Longer nobody waits for a quotation. */
const ANSWER_MS_MAX = 5_000;
/** Some of what was said is not for the agent's eyes, so more is looked at than is told. */
const CHATTER_FACTOR = 3;
const CHATTER_MAX = 100;

interface Place {
  needs: ContextNeeds;
  turn: Turn;
  agent: Agent;
  intent: Pick<Intent, "userId" | "event">;
  /** Who keeps what the backend was told. */
  history: BackendCapabilities["history"];
}

export async function contextFor(
  needs: ContextNeeds,
  turn: Turn,
  agent: Agent,
  intent: Pick<Intent, "userId" | "event">,
  history: BackendCapabilities["history"],
): Promise<string> {
  const place: Place = { needs, turn, agent, intent, history };
  const { roomId, threadRoot, prompt, direct } = turn;
  const [room, start, replied] = await Promise.all([needs.ledger.room(roomId), threadStart(place), repliedTo(place)]);
  const { name, topic } = room.state;
  const mayBeTold = permission(place, room);
  const permitted = async (quote: Quote | undefined) => (quote && (await mayBeTold(quote.sender)) ? quote : undefined);
  const quotes = {
    threadStart: await permitted(start),
    repliedTo: replied?.eventId === start?.eventId ? undefined : await permitted(replied),
  };
  return prefaceOf({
    ...{ room: { id: roomId, name, topic }, direct, threadRoot, prompt, ...quotes },
    scope: direct ? agent.settings.dmScope : agent.settings.scope,
    chatter: await chatter(place, mayBeTold, [start?.eventId, replied?.eventId]),
  });
}

/** Once a session where the backend keeps what it was told; our own transcript has questions and answers only. */
async function threadStart(place: Place): Promise<Quote | undefined> {
  const { turn, needs, history } = place;
  const { threadRoot, prompt } = turn;
  if (threadRoot === undefined || threadRoot === prompt.eventId) return undefined;
  if (history === "server" && !(await needs.ledger.isFirst(turn))) return undefined;
  return unheard(place, threadRoot);
}

/** The message the prompt replies to. */
async function repliedTo(place: Place): Promise<Quote | undefined> {
  const prompt = await place.needs.ledger.event(place.turn.prompt.eventId);
  const target = prompt && relationsOf(prompt).repliedTo;
  return target === undefined ? undefined : unheard(place, target);
}

/** A message, unless the conversation holds it already: as a question, or as an answer of the agent's. */
async function unheard(place: Place, eventId: EventId): Promise<Quote | undefined> {
  const { needs, turn, intent } = place;
  const past = await needs.ledger.transcript(turn.session, TRANSCRIPT_TURNS);
  if (past.some(({ prompt }) => prompt.eventId === eventId)) return undefined;
  const event = await look(place, eventId);
  if (!event) return undefined;
  const answered = event.sender === intent.userId ? markIn(event)?.turn : undefined;
  return answered !== undefined && past.some(({ id }) => id === answered) ? undefined : quoteOf(event);
}

/** An event of this room, as we remember it or as the homeserver does. */
async function look(place: Place, eventId: EventId): Promise<RoomEvent | undefined> {
  const kept = await place.needs.ledger.event(eventId);
  // Of an answer that grew only the beginning was kept; the homeserver knows how it ended.
  const isWhole = kept !== undefined && markIn(kept)?.kind !== "draft";
  const event = isWhole ? kept : ((await fetched(place, eventId)) ?? kept);
  // An id means an event of any room; what was said in another one is nobody's business here.
  return event?.room_id === place.turn.roomId ? event : undefined;
}

async function fetched({ needs, turn, intent }: Place, eventId: EventId): Promise<RoomEvent | undefined> {
  const answer = await inTime(needs.clock, intent.event(turn.roomId, eventId));
  if (answer.ok) return RoomEvent.safeParse({ room_id: turn.roomId, ...answer.value }).data;
  const { status, errcode, message } = answer.error;
  if (isPassing(answer.error)) {
    needs.log("homeserver_unreachable", { turn: turn.id, eventId, status, errcode, message });
  }
  return undefined;
}

async function inTime(clock: Clock, answer: Promise<Answer>): Promise<Answer> {
  const done = new AbortController();
  const late = clock.sleep(ANSWER_MS_MAX, done.signal).then(() => TOO_LATE);
  return Promise.race([answer, late]).finally(() => done.abort());
}
const TOO_LATE: Answer = { ok: false, error: { status: 0, errcode: "M_UNREACHABLE", message: "no answer in time" } };

type Permission = (sender: UserId) => Promise<boolean>;

/** Whose words the agent may be told, by its `contextFrom`. Who asks and who is one of us may always be quoted. */
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
    if (settings.contextFrom === "all" || sender === turn.prompt.sender || isOurs(needs.namespace, sender)) return true;
    const asked = known.get(sender) ?? isUserOfIt(sender);
    known.set(sender, asked);
    return asked;
  };
}

/** What was said to nobody of us since the agent spoke last; what is told elsewhere is left out. */
async function chatter(
  { needs, turn, agent }: Place,
  mayBeTold: Permission,
  told: readonly (EventId | undefined)[],
): Promise<Quote[]> {
  const { context, prefix } = agent.settings;
  if (context === 0) return [];
  const events = await needs.ledger.chatter(turn, Math.min(context * CHATTER_FACTOR, CHATTER_MAX));
  const said = events
    .filter(({ event_id, sender }) => !told.includes(event_id) && !isOurs(needs.namespace, sender))
    .flatMap((event) => quoteOf(event) ?? [])
    .filter(({ text }) => parseCommand(text, prefix) === undefined);
  const permitted = await Promise.all(said.map(({ sender }) => mayBeTold(sender)));
  return said.filter((_, at) => permitted[at] === true).slice(-context);
}
