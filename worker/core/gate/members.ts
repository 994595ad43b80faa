/**
 * Membership: invitations of our users, and rooms in which only our users are left.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommember
 */
import type { Person } from "../access/access.ts";
import type { Settings } from "../configuration/settings.ts";
import type { Message } from "../message/message.ts";
import type { AgentId } from "../protocol/ids.ts";
import { type Grounds, grounds } from "./evidence.ts";
import { aboutOf, type Concerned, type Facts, type Invited, type Verdict } from "./facts.ts";
import { ignoreGrounds, isIgnored, isInviterListed, isUserOf, personOf } from "./permits.ts";
import type { IgnoreReason } from "./reasons.ts";

export function gateMember(message: Message, facts: Facts): Verdict {
  const { invited, peopleLeft } = facts;
  if (peopleLeft === false) return { kind: "depart" };
  const agents = unwelcome(facts);
  if (agents.length > 0) return { kind: "no_direct_chat", agents };
  if (message.event.content["membership"] !== "invite" || !invited) return { kind: "ignore", reason: "membership" };
  const { agent, settings } = invited;
  if (!agent || !settings) return { kind: "ignore", reason: "unknown_agent", ...aboutOf(agent) };
  // Its age does not matter: an invitation that came while we were away still holds.
  const refused = refusalOf(personOf(message.event.sender, facts), facts, invited, settings);
  if (!refused) return { kind: "join", agent };
  // Only the invited user could decline. An account is not made for that: the invitation is left unanswered.
  return invited.isMade ? { kind: "decline", agent, ...refused } : { kind: "ignore", ...refused, ...aboutOf(agent) };
}

/**
 * Agents that came to a direct chat, which is none any more, and that nobody who is there may bring to a room: or strangers
 * would bring them into a crowd by way of a chat.
 */
function unwelcome(facts: Facts): AgentId[] {
  const { people = [], present, room } = facts;
  if (people.length === 0 || room.direct !== undefined) return [];
  const mayBring = ({ id, settings }: Concerned["agent"], { person, paired }: (typeof people)[number]) =>
    !isIgnored(settings, person.userId) &&
    (paired.includes(id) ||
      isUserOf(settings, person) ||
      (settings.invites === "allowlist" && refusalByList(settings.inviteFrom, facts, person) === undefined));
  return present
    .filter(({ agent, invitedDirectly }) => invitedDirectly && !people.some((one) => mayBring(agent, one)))
    .map(({ agent }) => agent.id);
}

function refusalOf(
  person: Person,
  facts: Facts,
  { direct, follows, paired }: Pick<Invited, "direct" | "follows" | "paired">,
  settings: Settings,
): Grounds<IgnoreReason> | undefined {
  const ignored = ignoreGrounds(settings, person.userId);
  if (ignored) return ignored;
  // Nobody knows for whom an agent invites another one, so that it is no user of it. A list of inviters may have it.
  const isUserOfIt = !facts.sender.isOurs && (paired || isUserOf(settings, person));
  // An agent follows its users into the room that replaces one it is in, whatever `invites` says.
  if (follows && isUserOfIt) return undefined;
  switch (settings.invites) {
    case "off":
      return grounds("invites_off");
    case "allowlist":
      return refusalByList(settings.inviteFrom, facts, person);
    case "users":
      return facts.sender.isOurs ? grounds("asker_unknown") : refusalByUsers(settings, direct, isUserOfIt);
  }
}

function refusalByList(
  inviteFrom: readonly string[],
  { room }: Facts,
  inviter: Person,
): Grounds<IgnoreReason> | undefined {
  const isPermitted = room.names.some((name) => inviteFrom.includes(name)) || isInviterListed(inviteFrom, inviter);
  return isPermitted ? undefined : grounds("not_on_invite_list", { entries: inviteFrom.length });
}

function refusalByUsers({ dm }: Settings, direct: boolean, isUser: boolean): Grounds<IgnoreReason> | undefined {
  if (direct && dm === "disabled") return grounds("dm_disabled");
  // The agent has to be in the chat to give a pairing code.
  if (direct && (dm === "open" || dm === "pairing")) return undefined;
  return isUser ? undefined : grounds("not_invited_by_user");
}
