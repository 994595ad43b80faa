/** Whether an agent listens to a sender in a room: every entrance asks here, and nothing else decides it. */
import { type Circles, isListed, isUser, type Person } from "../policy/access.ts";
import { isResting } from "../policy/pair-guard.ts";
import { patternOf, type Settings } from "../policy/settings.ts";
import type { RoomEvent } from "../protocol/event.ts";
import type { UserId } from "../protocol/ids.ts";
import type { Because } from "./addressees.ts";
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

/** Why this agent does not listen to this sender here; undefined when it does. */
export function refusal(event: RoomEvent, facts: Facts, concerned: Concerned): IgnoreReason | undefined {
  const { agent, paired } = concerned;
  const { settings } = agent;
  if (isIgnored(settings, event.sender)) return "ignored_sender";
  const person = personOf(event.sender, facts);
  // What agents may say to each other `bots` and `hops` decide.
  const isUserOfIt = facts.sender.isOurs || isListed(settings.users, person) || isListed(settings.admins, person);
  if (isDirect(concerned, facts.room)) {
    if (settings.dm === "disabled") return "dm_disabled";
    return settings.dm === "open" || isUserOfIt || paired ? undefined : "not_permitted";
  }
  if (settings.rooms === "disabled") return "rooms_disabled";
  if (settings.rooms === "allowlist" && !isRoomListed(settings.allowedRooms, facts)) return "room_not_allowed";
  if (!isUserOfIt && !paired) return "not_permitted";
  return facts.sender.power < settings.power && !facts.sender.isOurs ? "power_too_low" : undefined;
}

const isRoomListed = (list: readonly string[], { room }: Facts): boolean =>
  list.includes(room.id) || room.aliases.some((alias) => list.includes(alias));

/** The circles a command's permission may name. An ignored admin is nobody either. */
export function circlesOf(event: RoomEvent, facts: Facts, concerned: Concerned): Required<Circles> {
  const { settings } = concerned.agent;
  const person = personOf(event.sender, facts);
  return {
    users: refusal(event, facts, concerned) === undefined,
    admins: isListed(settings.admins, person) && !isIgnored(settings, event.sender),
  };
}

/** Machines are counted, and whoever wakes an agent without naming it: a machine may look like a person. */
export const isCounted = (event: RoomEvent, facts: Facts, { agent }: Concerned, because: Because): boolean =>
  because === "listening" || isMachine(event, facts, agent.settings);

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
  if (facts.echoes && because === "listening") return "echo";
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
