/** Everything the gate may look at. Nothing is read that this event cannot need. */
import { type Asks, asks } from "#core/gate/asks.ts";
import type { Concerned, Facts, Invited, RoomAsGate } from "#core/gate/facts.ts";
import { promptText, readContent, withoutRelay } from "#core/message/text.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import {
  agentOfGhost,
  botUserId,
  ghostUserId,
  isLocal,
  isOurs,
  type Namespace,
  type RoomId,
  UserId,
} from "#core/protocol/ids.ts";
import { NO_STATE, powerOf } from "#core/protocol/room-state.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Present, RoomLook, SenderLook } from "#ports/rooms.ts";

export interface GatherNeeds {
  ledger: Ledger;
  clock: Clock;
  namespace: Namespace;
}

/** What a room is like, asked once for events that follow each other. */
export interface Look {
  at: (roomId: RoomId) => Promise<RoomLook>;
  forget: () => void;
}

export function oneLook(ledger: Ledger): Look {
  let seen: { roomId: RoomId; look: Promise<RoomLook> } | undefined;
  return {
    at(roomId) {
      if (seen?.roomId !== roomId) seen = { roomId, look: ledger.room(roomId) };
      return seen.look;
    },
    forget() {
      seen = undefined;
    },
  };
}

const UNKNOWN_ROOM: Omit<RoomLook, "origin"> = {
  ...{ state: NO_STATE, aliases: [], muted: false, joinedCount: 0, botJoined: false },
  ...{ present: [], crowded: false },
};
const UNKNOWN_SENDER: SenderLook = { paired: [], askedAgents: [], bearsOurMark: false };

export interface Gathered {
  asked: Asks;
  facts: Facts;
  /** What holds in the room; of an event that asks nothing of it what holds in none. */
  room: RoomLook;
}

export async function gather(needs: GatherNeeds, waiting: WaitingEvent, look: Look): Promise<Gathered> {
  const { ledger, clock, namespace } = needs;
  const { event, receivedAtMs } = waiting;
  const asked = asks(event);
  const wantsRoom = asked.room || asked.invitee !== undefined;
  const [room, sender] = await Promise.all([
    wantsRoom ? look.at(event.room_id) : { ...UNKNOWN_ROOM, origin: event.room_id },
    wantsRoom ? ledger.sender(event.room_id, askedOf(event, asked, needs)) : UNKNOWN_SENDER,
  ]);
  const present = asked.room ? await presentFor(needs, event, asked, room, sender) : [];
  const nowMs = clock.now();
  const [machine, invited, left] = await Promise.all([
    aboutMachines(needs, event, present, room.joinedCount, nowMs),
    invitedOf(needs, event, asked, sender),
    asked.someoneLeft && (await isLast(needs, event)) ? { peopleLeft: false } : {},
  ]);
  const { repliedAgent, askedAgents, thread, bearsOurMark } = sender;
  const facts: Facts = {
    nowMs,
    // No clock of a stranger takes part.
    ageMs: Math.max(event.unsigned?.age ?? 0, 0) + Math.max(nowMs - receivedAtMs, 0),
    softFailed: Object.keys(event.unsigned ?? {}).some((key) => SOFT_FAILED.has(key)),
    sender: senderOf(event, namespace, room),
    room: roomAsGate(event.room_id, room, namespace),
    present: present.map((one): Concerned => ({ ...one, paired: sender.paired.includes(one.agent.id) })),
    ...{ askedAgents, bearsOurMark, ...machine, ...invited, ...left },
    ...(repliedAgent ? { repliedAgent } : {}),
    ...(thread ? { thread } : {}),
  };
  return { asked, facts, room };
}

/** Synapse pushes such events with these marks instead of keeping them to itself. */
const SOFT_FAILED = new Set(["io.element.synapse.soft_failed", "io.element.synapse.policy_server_spammy"]);

const askedOf = ({ sender }: RoomEvent, { target, threadRoot, ownKey }: Asks, { namespace }: GatherNeeds) => ({
  ...{ sender, target, threadRoot },
  // On our own events the mark is no news.
  ownKey: isOurs(namespace, sender) ? undefined : ownKey,
});

function senderOf({ sender }: RoomEvent, namespace: Namespace, { state }: RoomLook): Facts["sender"] {
  const agent = agentOfGhost(namespace, sender);
  return {
    isOurs: isOurs(namespace, sender),
    isLocal: isLocal(namespace, sender),
    power: powerOf(state, sender),
    ...(agent ? { agent } : {}),
  };
}

const namesOf = (id: RoomId, { origin, aliases, state }: RoomLook): string[] => [
  ...new Set([id, origin, ...(state.predecessor ? [state.predecessor] : []), ...aliases]),
];

const roomAsGate = (id: RoomId, room: RoomLook, namespace: Namespace): RoomAsGate => ({
  ...{ id, state: room.state, names: namesOf(id, room), muted: room.muted },
  ...(room.direct === undefined ? {} : { direct: room.direct }),
  ...{ joinedCount: room.joinedCount, crowded: room.crowded },
  ...(room.botJoined ? { botUserId: botUserId(namespace) } : {}),
});

/** Of a room with many agents only those the event could concern: what it costs is what it names. */
async function presentFor(
  { ledger, namespace }: GatherNeeds,
  event: RoomEvent,
  asked: Asks,
  room: RoomLook,
  sender: SenderLook,
): Promise<readonly Present[]> {
  if (!room.crowded) return room.present;
  const pointedAt = [sender.repliedAgent, sender.thread?.agent, ...sender.askedAgents];
  const ghosts = pointedAt.flatMap((id) => (id ? ghostUserId(namespace, id) : []));
  const named = await ledger.presentIn(event.room_id, [...asked.named, ...ghosts], asked.opening);
  // Whoever is first speaks for all where nobody is named.
  const others = room.present.filter(({ userId }) => !named.some((one) => one.userId === userId));
  return [...named, ...others];
}

/** How long after an agent's words the same words are taken for an echo. */
const ECHO_MS = 2 * 60_000;
/** "Yes" and "thanks" are what people say too. */
const ECHO_LENGTH_MIN = 8;

/** Whether this could be a machine's doing: it may look like a person. */
async function aboutMachines(
  { ledger, namespace }: GatherNeeds,
  event: RoomEvent,
  present: readonly Present[],
  joinedCount: number,
  nowMs: number,
): Promise<Pick<Facts, "pairs" | "echoes">> {
  if (event.type !== "m.room.message" || present.length === 0) return {};
  const texts = withoutRelay(promptText(readContent(event))).filter(({ length }) => length >= ECHO_LENGTH_MIN);
  const [pairs, ...echoes] = await Promise.all([
    ledger.pairs(event.room_id, event.sender),
    // In a chat of two there is nobody to repeat anything.
    ...(joinedCount > 2 && !isOurs(namespace, event.sender) ? texts : []).map((text) =>
      ledger.wasSaid(event.room_id, text, nowMs - ECHO_MS),
    ),
  ]);
  return { echoes: echoes.includes(true), pairs };
}

async function invitedOf(
  { ledger, namespace }: GatherNeeds,
  event: RoomEvent,
  { invitee, membership }: Asks,
  { paired }: SenderLook,
): Promise<{ invited?: Invited }> {
  if (!invitee || !isOurs(namespace, invitee)) return {};
  const direct = membership?.direct === true;
  const follows = (await ledger.replacedBy(event.room_id, invitee)) !== undefined;
  if (invitee === botUserId(namespace)) {
    return { invited: { settings: await ledger.defaults(), direct, follows, paired: false } };
  }
  const id = agentOfGhost(namespace, invitee);
  const agent = id && (await ledger.agent(id, event.room_id));
  return {
    invited: {
      ...{ direct, follows, paired: id !== undefined && paired.includes(id) },
      ...(id ? { agent: id } : {}),
      ...(agent ? { settings: agent.settings } : {}),
    },
  };
}

/** Whether whoever leaves was the last of those that are not ours, and somebody of us stays behind. */
async function isLast({ ledger, namespace }: GatherNeeds, { room_id, state_key }: RoomEvent): Promise<boolean> {
  const gone = UserId.safeParse(state_key).data;
  if (!gone || isOurs(namespace, gone) || (await ledger.hasPeople(room_id, gone))) return false;
  return (await ledger.ghostsIn(room_id, "", 1)).length > 0;
}
