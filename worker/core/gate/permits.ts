/** Decides whether an agent listens to a sender in a room. All rules of the gate that depend on it use this file. */
import { type Circles, entryFor, isListed, isUser, type Person } from "../access/access.ts";
import { isResting } from "../access/pair-guard.ts";
import { patternOf, type Settings } from "../configuration/settings.ts";
import type { Message } from "../message/message.ts";
import type { UserId } from "../protocol/ids.ts";
import { powerOf, powerToSend } from "../protocol/room-state.ts";
import { cutEntry, firstEntries, type Grounds, grounds } from "./evidence.ts";
import { type Concerned, type Facts, isDirect, type Present } from "./facts.ts";
import type { Because, IgnoreReason } from "./reasons.ts";

export const personOf = (userId: UserId, { sender }: Pick<Facts, "sender">): Person => ({
  userId,
  isLocal: sender.isLocal,
  power: sender.power,
});

/** True when an agent ignores a user. */
export const isIgnored = (settings: Pick<Settings, "ignore">, userId: UserId): boolean =>
  ignoreGrounds(settings, userId) !== undefined;

/** The grounds where an agent ignores a user; undefined where it does not. */
export function ignoreGrounds({ ignore }: Pick<Settings, "ignore">, userId: UserId): Grounds<IgnoreReason> | undefined {
  const entry = ignore.find((pattern) => patternOf(pattern).matcher(userId).find());
  return entry === undefined ? undefined : grounds("ignored_sender", { entry: cutEntry(entry) });
}

/** The setting that shows a sender to be a bot: an entry of `botUsers`, or a content key of `botMarkers`. */
interface BotSign {
  entry?: string;
  marker?: string;
}

function botSignOf({ event }: Message, facts: Facts, { botUsers, botMarkers }: Settings): BotSign | undefined {
  const entry = entryFor(botUsers, personOf(event.sender, facts));
  if (entry !== undefined) return { entry: cutEntry(entry) };
  const marker = botMarkers.find((key) => Object.hasOwn(event.content, key));
  return marker === undefined ? undefined : { marker: cutEntry(marker) };
}

/** True when the sender is no person: it is one of our users, or a bot according to the agent's settings. */
export const isMachine = (message: Message, facts: Facts, settings: Settings): boolean =>
  facts.sender.isOurs || botSignOf(message, facts, settings) !== undefined;

/** The verdict's grounds where an agent does not listen to bots. */
export const botGrounds = (message: Message, facts: Facts, settings: Settings): Grounds<IgnoreReason> =>
  facts.sender.isOurs
    ? grounds("own_event")
    : grounds("bot", { bots: settings.bots, ...botSignOf(message, facts, settings) });

/** True when a user is one of an agent's `users` or `admins`. */
export const isUserOf = ({ users, admins }: Pick<Settings, "users" | "admins">, person: Person): boolean =>
  isListed(users, person) || isListed(admins, person);

/** Why an agent does not listen to this sender here; undefined when it does. */
export function refusal(message: Message, facts: Facts, concerned: Concerned): Grounds<IgnoreReason> | undefined {
  const person = personOf(message.event.sender, facts);
  const { isOurs } = facts.sender;
  // `bots` and `hops` decide whether agents answer each other.
  const refused = refusalOf(facts, concerned, { person, isLetIn: isOurs || concerned.paired, isTrusted: isOurs });
  return refused ?? (isOurs ? askerRefusal(facts, concerned) : undefined);
}

/**
 * An agent may not reach for somebody what they may not reach themselves: each person with whom the chain of agents began
 * is asked for as if they had sent the message.
 */
function askerRefusal(facts: Facts, concerned: Concerned): Grounds<IgnoreReason> | undefined {
  const { askers = [] } = facts;
  if (askers.length === 0) return grounds("asker_unknown");
  const refused = askers.find(({ person, paired }) => {
    const isLetIn = paired.includes(concerned.agent.id);
    return refusalOf(facts, concerned, { person, isLetIn, isTrusted: false }) !== undefined;
  });
  return refused && grounds("asker_not_permitted", { asker: cutEntry(refused.userId) });
}

/** Somebody who asks an agent. */
interface Asking {
  person: Person;
  /** Beside the users of the lists. */
  isLetIn: boolean;
  /** No power in the room is needed. */
  isTrusted: boolean;
}

function refusalOf(facts: Facts, concerned: Concerned, asking: Asking): Grounds<IgnoreReason> | undefined {
  const { settings } = concerned.agent;
  const { person, isLetIn } = asking;
  const ignored = ignoreGrounds(settings, person.userId);
  if (ignored) return ignored;
  return isDirect(concerned, facts.room)
    ? // The user who opens a direct chat has full power in it.
      refusalInChat(settings, isLetIn || isUserOf(settings, { ...person, power: 0 }))
    : refusalInRoom(settings, facts, asking);
}

function refusalInChat({ dm }: Settings, isUser: boolean): Grounds<IgnoreReason> | undefined {
  if (dm === "disabled") return grounds("dm_disabled");
  return dm === "open" || isUser ? undefined : grounds("not_permitted", { dm });
}

function refusalInRoom(
  settings: Settings,
  facts: Facts,
  { person, isLetIn, isTrusted }: Asking,
): Grounds<IgnoreReason> | undefined {
  const { rooms, allowedRooms, power } = settings;
  if (rooms === "disabled") return grounds("rooms_disabled");
  if (rooms === "allowlist" && !isRoomListed(allowedRooms, facts))
    return grounds("room_not_allowed", firstEntries(allowedRooms));
  if (!isLetIn && !isUserOf(settings, person)) return grounds("not_permitted");
  const isTooLow = person.power < power && !isTrusted;
  return isTooLow ? grounds("power_too_low", { needed: power, has: person.power }) : undefined;
}

const isRoomListed = (list: readonly string[], { room }: Facts): boolean =>
  room.names.some((name) => list.includes(name));

/** The circles of a command's permission that the sender is in. An ignored admin is in none. */
export function circlesOf(message: Message, facts: Facts, concerned: Concerned): Required<Circles> {
  const { settings } = concerned.agent;
  const { sender } = message.event;
  return {
    users: refusal(message, facts, concerned) === undefined,
    admins: isListed(settings.admins, personOf(sender, facts)) && !isIgnored(settings, sender),
  };
}

/**
 * True when the pair guard counts a message: one of a machine, and outside of a direct chat any that does not name the
 * agent, because a machine may look like a person.
 */
export const isCounted = (message: Message, facts: Facts, { agent }: Concerned, because: Because): boolean =>
  (because !== "mention" && because !== "direct") || isMachine(message, facts, agent.settings);

/** Why an agent that is addressed is not woken by this sender; undefined when it is. */
export function hindrance(
  message: Message,
  facts: Facts,
  concerned: Concerned,
  because: Because,
  hop: number,
): Grounds<IgnoreReason> | undefined {
  const { agent } = concerned;
  const { bots, hops } = agent.settings;
  if (facts.room.muted) return grounds("muted");
  // In a chat of two no bridge can repeat a message.
  if (facts.echoes && because !== "mention" && facts.room.joinedCount > 2) return grounds("echo", { by: "words" });
  if (isMachine(message, facts, agent.settings)) {
    if (bots === false || (bots === "mentions" && because !== "mention" && because !== "reply"))
      return botGrounds(message, facts, agent.settings);
    if (hop > hops) return grounds("hop_limit", { hop, limit: hops });
  }
  const pair = facts.pairs?.get(agent.id);
  if (pair && isCounted(message, facts, concerned, because) && isResting(pair, facts.nowMs))
    return grounds("pair_guard", { events: pair.count, restMs: pair.restUntilMs - facts.nowMs });
  return refusal(message, facts, concerned) ?? silence(facts, concerned);
}

/** Why an agent could not send its answer to the room; undefined where its power is enough. */
export function silence(
  { room: { state } }: Facts,
  { userId }: Pick<Present, "userId">,
): Grounds<"may_not_speak"> | undefined {
  const needed = powerToSend(state, "m.room.message");
  const has = powerOf(state, userId);
  return has < needed ? grounds("may_not_speak", { needed, has }) : undefined;
}

/** True when an access list of invitations names the inviter. */
export const isInviterListed = (list: readonly string[], person: Person): boolean =>
  list.some((entry) => (entry.startsWith("@") ? isUser(entry, person.userId) : isListed([entry], person)));
