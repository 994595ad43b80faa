/** Gathers the facts an event needs, and no others. */
import {
  type Concerned,
  type Facts,
  type Invited,
  type Present,
  type RoomFacts,
  type SenderFacts,
  unknownRoom,
} from "#core/gate/facts.ts";
import { type FactNeeds, needsOf } from "#core/gate/needs.ts";
import { type Message, readMessage } from "#core/message/message.ts";
import { withoutRelay } from "#core/message/text.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import {
  agentOfGhost,
  BOT,
  botUserId,
  ghostUserId,
  isLocal,
  isOurs,
  type Namespace,
  type RoomId,
  UserId,
} from "#core/protocol/ids.ts";
import { powerOf } from "#core/protocol/room-state.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { SenderQuery } from "#ports/rooms.ts";
import type { Occasion } from "./occasion.ts";

export interface GatherNeeds {
  ledger: Ledger;
  clock: Clock;
  namespace: Namespace;
}

/** The facts of one room, read once for events that follow each other. */
export interface RoomCache {
  read: (roomId: RoomId) => Promise<RoomFacts>;
  clear: () => void;
}

export function roomCache(ledger: Pick<Ledger, "room">): RoomCache {
  let cached: { roomId: RoomId; facts: Promise<RoomFacts> } | undefined;
  return {
    read(roomId) {
      if (cached?.roomId !== roomId) cached = { roomId, facts: ledger.room(roomId) };
      return cached.facts;
    },
    clear() {
      cached = undefined;
    },
  };
}

const NO_SENDER_FACTS: SenderFacts = { paired: [], askedAgents: [], bearsOurMark: false };

export interface Gathered {
  occasion: Occasion;
  needed: FactNeeds;
}

/** An event that needs no facts of its room gets those of an unknown one. */
export async function gather(needs: GatherNeeds, waiting: WaitingEvent, rooms: RoomCache): Promise<Gathered> {
  const { ledger, clock, namespace } = needs;
  const { event, receivedAtMs } = waiting;
  const message = readMessage(event);
  const needed = needsOf(message);
  const needsRoom = needed.room || needed.invitee !== undefined;
  const [room, sender] = await Promise.all([
    needsRoom ? rooms.read(event.room_id) : unknownRoom(event.room_id),
    needsRoom ? ledger.sender(event.room_id, senderQuery(event, needed, namespace)) : NO_SENDER_FACTS,
  ]);
  const present = needed.room ? await agentsFor(needs, needed, room, sender) : [];
  const nowMs = clock.now();
  const [machine, invited, left] = await Promise.all([
    machineFacts(needs, message, present, room.joinedCount, nowMs),
    invitedOf(needs, event, needed, sender),
    needed.someoneLeft && (await isLastPerson(needs, event)) ? { peopleLeft: false } : {},
  ]);
  const { repliedAgent, askedAgents, thread, bearsOurMark } = sender;
  const facts: Facts = {
    nowMs,
    // Times that the sender's server sets have no part in it.
    ageMs: Math.max(event.unsigned?.age ?? 0, 0) + Math.max(nowMs - receivedAtMs, 0),
    softFailed: Object.keys(event.unsigned ?? {}).some((key) => SOFT_FAILED.has(key)),
    sender: senderOf(event, namespace, room),
    room,
    present: present.map((one): Concerned => ({ ...one, paired: sender.paired.includes(one.agent.id) })),
    askedAgents,
    bearsOurMark,
    ...machine,
    ...invited,
    ...left,
    ...(repliedAgent ? { repliedAgent } : {}),
    ...(thread ? { thread } : {}),
  };
  return { occasion: { waiting, message, facts }, needed };
}

/** Synapse pushes soft-failed events with these keys instead of keeping them to itself. */
const SOFT_FAILED = new Set(["io.element.synapse.soft_failed", "io.element.synapse.policy_server_spammy"]);

const senderQuery = (
  { sender }: RoomEvent,
  { target, threadRoot, ownKey }: FactNeeds,
  namespace: Namespace,
): SenderQuery => ({
  sender,
  target,
  threadRoot,
  // Our own events are known to bear our mark.
  ownKey: isOurs(namespace, sender) ? undefined : ownKey,
});

function senderOf({ sender }: RoomEvent, namespace: Namespace, { state }: RoomFacts): Facts["sender"] {
  const agent = agentOfGhost(namespace, sender);
  return {
    isOurs: isOurs(namespace, sender),
    isLocal: isLocal(namespace, sender),
    power: powerOf(state, sender),
    ...(agent ? { agent } : {}),
  };
}

/** The agents the event could concern: in a crowded room only those it names, so that the costs do not grow with it. */
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

/** For how long the same words as an agent's are taken for an echo. */
const ECHO_MS = 2 * 60_000;
/** People say "yes" and "thanks" too. */
const ECHO_LENGTH_MIN = 8;

/** Facts that show whether a machine sent the message; it may look like a person. */
async function machineFacts(
  { ledger, namespace }: GatherNeeds,
  { event, text }: Message,
  present: readonly Present[],
  joinedCount: number,
  nowMs: number,
): Promise<Pick<Facts, "pairs" | "echoes">> {
  if (event.type !== "m.room.message" || present.length === 0) return {};
  // In a chat of two no bridge can repeat a message.
  const mayEcho = joinedCount > 2 && !isOurs(namespace, event.sender);
  const texts = mayEcho ? withoutRelay(text).filter(({ length }) => length >= ECHO_LENGTH_MIN) : [];
  const [pairs, ...echoes] = await Promise.all([
    ledger.pairs(event.room_id, event.sender),
    ...texts.map((one) => ledger.wasSaid(event.room_id, one, nowMs - ECHO_MS)),
  ]);
  return { echoes: echoes.includes(true), pairs };
}

async function invitedOf(
  { ledger, namespace }: GatherNeeds,
  event: RoomEvent,
  { invitee, membership }: FactNeeds,
  { paired }: SenderFacts,
): Promise<{ invited?: Invited }> {
  if (!invitee || !isOurs(namespace, invitee)) return {};
  const direct = membership?.direct === true;
  const follows = (await ledger.replacedBy(event.room_id, invitee)) !== undefined;
  if (invitee === botUserId(namespace)) {
    return { invited: { agent: BOT, settings: await ledger.defaults(), direct, follows, paired: false } };
  }
  const id = agentOfGhost(namespace, invitee);
  if (!id) return { invited: { direct, follows, paired: false } };
  const agent = await ledger.agent(id, event.room_id);
  const invited: Invited = { agent: id, direct, follows, paired: paired.includes(id) };
  return { invited: agent ? { ...invited, settings: agent.settings } : invited };
}

/** Whether the user who left was the last one that is not ours, while one of our users is still there. */
async function isLastPerson({ ledger, namespace }: GatherNeeds, { room_id, state_key }: RoomEvent): Promise<boolean> {
  const gone = UserId.safeParse(state_key).data;
  if (!gone || isOurs(namespace, gone) || (await ledger.hasPeople(room_id, gone))) return false;
  return (await ledger.ghostsIn(room_id, "", 1)).length > 0;
}
