/** Gathers the facts that the gate needs for an event, and no others. */
import type { Person } from "#core/access/access.ts";
import { BOUNDS } from "#core/bounds.ts";
import {
  type Concerned,
  type Facts,
  type Invited,
  type Present,
  type RoomFacts,
  type SenderFacts,
  UNKNOWN_SENDER,
  unknownRoom,
} from "#core/gate/facts.ts";
import { type FactNeeds, needsOf } from "#core/gate/needs.ts";
import { type Message, readMessage } from "#core/message/message.ts";
import { repeatedBy } from "#core/message/text.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { agentOfGhost, BOT, ghostUserId, isLocal, isOurs, type Namespace, UserId } from "#core/protocol/ids.ts";
import { powerOf } from "#core/protocol/room-state.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Ghosts } from "#ports/homeserver.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Occasion } from "./occasion.ts";
import type { Meet } from "./rooms/compare.ts";
import { restoreState } from "./rooms/read-room.ts";

export interface GatherNeeds {
  ledger: Ledger;
  ghosts: Ghosts;
  clock: Clock;
  namespace: Namespace;
  meet: Meet;
}

/** The facts of the room whose events follow each other; cleared when one of them may have changed the room. */
export interface RoomCache {
  room: RoomFacts | undefined;
}

export interface Gathered {
  occasion: Occasion;
  needed: FactNeeds;
  /** The outbox row that the event's mark names. */
  markedRow: SenderFacts["markedRow"];
}

/** Reads an event and gathers its facts. Where they need not be looked up, they are those of an unknown room. */
export async function gather(needs: GatherNeeds, waiting: WaitingEvent, cache: RoomCache): Promise<Gathered> {
  const { clock, namespace } = needs;
  const { event, receivedAtMs } = waiting;
  const message = readMessage(event);
  const needed = needsOf(message);
  const nowMs = clock.now();
  const { room, sender } = await eventFacts(needs, message, needed, nowMs, cache);
  const present = needed.room ? await agentsFor(needs, needed, room, sender) : [];
  const [invited, left, aliases] = await Promise.all([
    invitedOf(needs, event, needed, sender),
    needed.someoneLeft && (await isLastPerson(needs, event)) ? { peopleLeft: false } : {},
    aliasesOf(needs, event, needed),
  ]);
  const chat = needed.joiner && (await openedChat(needs, event, needed.joiner));
  const { repliedAgent, askedAgents, thread, markedRow, pairs, isEcho, askers } = sender;
  const isMessageHere = event.type === "m.room.message" && present.length > 0;
  const facts: Facts = {
    nowMs,
    // `origin_server_ts` is not used: the sender's server chooses it.
    ageMs: Math.max(event.unsigned?.age ?? 0, 0) + Math.max(nowMs - receivedAtMs, 0),
    softFailed: Object.keys(event.unsigned ?? {}).some((key) => SOFT_FAILED.has(key)),
    sender: senderOf(event, namespace, room),
    room: chat?.room ?? room,
    ...(chat ? { people: chat.people } : {}),
    present: (chat?.room.present ?? present).map(
      (one): Concerned => ({ ...one, paired: sender.paired.includes(one.agent.id) }),
    ),
    askedAgents,
    // Our own events bear our mark too; this is about other senders.
    bearsOurMark: markedRow !== undefined && !isOurs(namespace, event.sender),
    ...(isMessageHere ? { pairs, echoes: isEcho } : {}),
    ...invited,
    ...aliases,
    ...left,
    ...(repliedAgent ? { repliedAgent } : {}),
    ...(thread ? { thread } : {}),
    ...(askers ? { askers: askers.map((one) => ({ ...one, person: personIn(namespace, room, one.userId) })) } : {}),
  };
  return { occasion: { waiting, message, facts }, needed, markedRow };
}

/** Synapse pushes soft-failed events with these keys instead of keeping them to itself. */
const SOFT_FAILED = new Set(["io.element.synapse.soft_failed", "io.element.synapse.policy_server_spammy"]);

/** One read for the room and the sender; only the sender where the room is cached, and none where neither matters. */
async function eventFacts(
  needs: GatherNeeds,
  message: Message,
  needed: FactNeeds,
  nowMs: number,
  cache: RoomCache,
): Promise<{ room: RoomFacts; sender: SenderFacts }> {
  const { ledger, namespace } = needs;
  const { room_id: roomId, sender } = message.event;
  if (!needed.room && needed.invitee === undefined) return { room: unknownRoom(roomId), sender: UNKNOWN_SENDER };
  const { target, threadRoot, ownKey } = needed;
  const echo = isOurs(namespace, sender) ? undefined : { texts: echoTexts(message), sinceMs: nowMs - ECHO_MS };
  const query = { sender, target, threadRoot, ownKey, echo };
  if (cache.room?.id === roomId) return { room: cache.room, sender: await ledger.sender(roomId, query) };
  let facts = await ledger.eventFacts(roomId, query);
  // An invitation alone says nothing about a room.
  if (needed.room && facts.room.withoutOurs && (await needs.meet(message.event))) {
    facts = await ledger.eventFacts(roomId, query);
  }
  if (facts.room.stateIsLost) {
    await restoreState(needs, facts.room);
    facts = await ledger.eventFacts(roomId, query);
  }
  cache.room = facts.room;
  return facts;
}

function senderOf({ sender }: RoomEvent, namespace: Namespace, room: RoomFacts): Facts["sender"] {
  const agent = agentOfGhost(namespace, sender);
  const { isLocal: local, power } = personIn(namespace, room, sender);
  return { isOurs: isOurs(namespace, sender), isLocal: local, power, ...(agent ? { agent } : {}) };
}

const personIn = (namespace: Namespace, { state }: RoomFacts, userId: UserId): Person => ({
  userId,
  isLocal: isLocal(namespace, userId),
  power: powerOf(state, userId),
});

/** The agents the event could concern; in a crowded room a limited number, so that the cost does not grow with it. */
async function agentsFor(
  { ledger, namespace }: GatherNeeds,
  { named, opening }: FactNeeds,
  room: RoomFacts,
  sender: SenderFacts,
): Promise<readonly Present[]> {
  if (!room.crowded) return room.present;
  const referredTo = [sender.repliedAgent, sender.thread?.agent, ...sender.askedAgents];
  const ghosts = referredTo.flatMap((id) => (id ? ghostUserId(namespace, id) : []));
  const found = await ledger.presentIn(room.id, [...named, ...ghosts], opening);
  // The room's first agent answers commands that name none.
  const others = room.present.filter(({ userId }) => !found.some((one) => one.userId === userId));
  return [...found, ...others];
}

/** A text that repeats an agent's within this time is an echo. */
const ECHO_MS = 2 * 60_000;
/** Shorter texts are never echoes: people say "yes" and "thanks" too. */
const ECHO_LENGTH_MIN = 8;

/** The texts that would repeat an agent's reply: the message's, with and without a relayed sender's name. */
const echoTexts = (message: Message): string[] =>
  message.event.type === "m.room.message" ? repeatedBy(message).filter(({ length }) => length >= ECHO_LENGTH_MIN) : [];

async function invitedOf(
  { ledger, namespace }: GatherNeeds,
  event: RoomEvent,
  { invitee, membership }: FactNeeds,
  { paired }: SenderFacts,
): Promise<{ invited?: Invited }> {
  if (!invitee || !isOurs(namespace, invitee)) return {};
  const direct = membership?.direct === true;
  const id = agentOfGhost(namespace, invitee);
  const [replaced, ghost, agent, bot] = await Promise.all([
    ledger.replacedBy(event.room_id, invitee),
    ledger.ghost(invitee),
    id && ledger.agent(id, event.room_id),
    id ? undefined : ledger.defaults(),
  ]);
  const settings = agent?.settings ?? bot;
  return {
    invited: {
      agent: id ?? BOT,
      direct,
      follows: replaced !== undefined,
      isMade: ghost !== undefined,
      paired: id !== undefined && paired.includes(id),
      ...(settings ? { settings } : {}),
      ...(agent?.family ? { family: agent.family } : {}),
    },
  };
}

/** Aliases of the configuration that the room says to have, or had as far as we know. */
async function aliasesOf(
  { ledger }: GatherNeeds,
  { room_id: here }: RoomEvent,
  { aliases: named }: FactNeeds,
): Promise<Pick<Facts, "aliases">> {
  if (!named) return {};
  const concerned = (await ledger.aliases()).filter(({ alias, roomId }) => named.includes(alias) !== (roomId === here));
  return { aliases: concerned.slice(0, BOUNDS.aliasesAtOnce.max).map(({ alias }) => alias) };
}

/** A direct chat that a third one joins: the room, and the people in it. */
async function openedChat({ ledger, namespace }: GatherNeeds, { room_id: roomId }: RoomEvent, joiner: UserId) {
  if (isOurs(namespace, joiner)) return undefined;
  const joined = await ledger.joinedInDirectChat(roomId);
  const [first, another] = joined.filter((userId) => !isOurs(namespace, userId));
  // Later ones change nothing: the second person decided it.
  if (!first || another || first === joiner) return undefined;
  const room = await ledger.room(roomId);
  const people = await Promise.all(
    [first, joiner].map(async (userId) => {
      const { paired } = await ledger.sender(roomId, { sender: userId });
      return { userId, paired, person: personIn(namespace, room, userId) };
    }),
  );
  return { room, people };
}

/** True when the user who left was the last one that is not ours, and one of our users is still there. */
async function isLastPerson({ ledger, namespace }: GatherNeeds, { room_id, state_key }: RoomEvent): Promise<boolean> {
  const gone = UserId.safeParse(state_key).data;
  if (!gone || isOurs(namespace, gone) || (await ledger.hasPeople(room_id, gone))) return false;
  return (await ledger.ghostsIn(room_id, "", 1)).length > 0;
}
