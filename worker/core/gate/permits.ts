/** Whether an agent listens to a sender in a room: every entrance asks here, and nothing else decides it. */
import { type Circles, isListed, isUser, type Person } from "../access/access.ts";
import { isResting } from "../access/pair-guard.ts";
import { patternOf, type Settings } from "../configuration/settings.ts";
import type { RoomEvent } from "../protocol/event.ts";
import type { UserId } from "../protocol/ids.ts";
import type { Because } from "./facts.ts";
import { type Concerned, type Facts, isDirect } from "./facts.ts";
import type { IgnoreReason } from "./why.ts";

export const personOf = (userId: UserId, { sender }: Pick<Facts, "sender">): Person => ({
  userId,
  isLocal: sender.isLocal,
  power: sender.power,
});

export const isIgnored = ({ ignore }: Pick<Settings, "ignore">, userId: UserId): boolean =>
  ignore.some((pattern) => patternOf(pattern).matcher(userId).find());

/** An agent of ours, a bot of somebody else's by list or by mark: nobody a person is behind. */
export const isMachine = (event: RoomEvent, facts: Facts, { botUsers, botMarkers }: Settings): boolean =>
  facts.sender.isOurs ||
  isListed(botUsers, personOf(event.sender, facts)) ||
  botMarkers.some((key) => Object.hasOwn(event.content, key));

/** Whether an agent is set up to talk to somebody: one of its users or admins, or let in by a code or a word. */
export const isUserOf = ({ users, admins }: Pick<Settings, "users" | "admins">, person: Person): boolean =>
  isListed(users, person) || isListed(admins, person);

/** Why this agent does not listen to this sender here; undefined when it does. */
export function refusal(event: RoomEvent, facts: Facts, concerned: Concerned): IgnoreReason | undefined {
  const { agent, paired } = concerned;
  const { settings } = agent;
  if (isIgnored(settings, event.sender)) return "ignored_sender";
  const person = personOf(event.sender, facts);
  // What agents may say to each other `bots` and `hops` decide.
  const isLetIn = facts.sender.isOurs || paired;
  return isDirect(concerned, facts.room)
    ? // Whoever opens a direct chat has all the power there is in it.
      refusalInChat(settings, isLetIn || isUserOf(settings, { ...person, power: 0 }))
    : refusalInRoom(settings, facts, isLetIn || isUserOf(settings, person));
}

function refusalInChat({ dm }: Settings, isUser: boolean): IgnoreReason | undefined {
  if (dm === "disabled") return "dm_disabled";
  return dm === "open" || isUser ? undefined : "not_permitted";
}

function refusalInRoom(settings: Settings, facts: Facts, isUser: boolean): IgnoreReason | undefined {
  if (settings.rooms === "disabled") return "rooms_disabled";
  if (settings.rooms === "allowlist" && !isRoomListed(settings.allowedRooms, facts)) return "room_not_allowed";
  if (!isUser) return "not_permitted";
  return facts.sender.power < settings.power && !facts.sender.isOurs ? "power_too_low" : undefined;
}

const isRoomListed = (list: readonly string[], { room }: Facts): boolean =>
  room.names.some((name) => list.includes(name));

/** The circles a command's permission may name. An ignored admin is nobody either. */
export function circlesOf(event: RoomEvent, facts: Facts, concerned: Concerned): Required<Circles> {
  const { settings } = concerned.agent;
  const person = personOf(event.sender, facts);
  return {
    users: refusal(event, facts, concerned) === undefined,
    admins: isListed(settings.admins, person) && !isIgnored(settings, event.sender),
  };
}

/** Machines are counted, and whoever wakes an agent without naming it, outside of a chat: a machine may look like a person. */
export const isCounted = (event: RoomEvent, facts: Facts, { agent }: Concerned, because: Because): boolean =>
  (because !== "mention" && because !== "direct") || isMachine(event, facts, agent.settings);

/** Why an agent that is addressed is not woken by this sender; undefined when it is. */
export function hindrance(
  event: RoomEvent,
  facts: Facts,
  concerned: Concerned,
  because: Because,
  hop: number,
): IgnoreReason | undefined {
  const { agent } = concerned;
  const { bots, hops } = agent.settings;
  if (facts.room.muted) return "muted";
  // In a chat of two there is nobody to repeat anything.
  if (facts.echoes && because !== "mention" && facts.room.joinedCount > 2) return "echo";
  if (isMachine(event, facts, agent.settings)) {
    if (bots === false || (bots === "mentions" && because !== "mention" && because !== "reply"))
      return facts.sender.isOurs ? "own_event" : "bot";
    if (hop > hops) return "hop_limit";
  }
  if (isCounted(event, facts, concerned, because) && isResting(facts.pairs?.get(agent.id), facts.nowMs))
    return "pair_guard";
  return refusal(event, facts, concerned);
}

/** Whether an access list of invitations names the inviter. */
export const isInviterListed = (list: readonly string[], person: Person): boolean =>
  list.some((entry) => (entry.startsWith("@") ? isUser(entry, person.userId) : isListed([entry], person)));
