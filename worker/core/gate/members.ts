/**
 * Membership: invitations of our users, and rooms in which only our users are left.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommember
 */
import type { Message } from "../message/message.ts";
import { type Grounds, grounds } from "./evidence.ts";
import { aboutOf, type Facts, type Invited, type Verdict } from "./facts.ts";
import { ignoreGrounds, isInviterListed, isUserOf, personOf } from "./permits.ts";
import type { IgnoreReason } from "./reasons.ts";

export function gateMember(message: Message, facts: Facts): Verdict {
  const { invited, peopleLeft } = facts;
  if (peopleLeft === false) return { kind: "depart" };
  if (message.event.content["membership"] !== "invite" || !invited) return { kind: "ignore", reason: "membership" };
  const { agent, settings } = invited;
  if (!agent || !settings) return { kind: "ignore", reason: "unknown_agent", ...aboutOf(agent) };
  // Its age does not matter: an invitation that came while we were away still holds.
  const refused = refusalOf(message, facts, invited, settings);
  return refused ? { kind: "decline", agent, ...refused } : { kind: "join", agent };
}

function refusalOf(
  { event }: Message,
  facts: Facts,
  { direct, follows, paired }: Invited,
  settings: NonNullable<Invited["settings"]>,
): Grounds<IgnoreReason> | undefined {
  // There is no exception for our own users: an agent may invite another one only if the other's lists permit it.
  const person = personOf(event.sender, facts);
  const ignored = ignoreGrounds(settings, event.sender);
  if (ignored) return ignored;
  const isUserOfIt = paired || isUserOf(settings, person);
  // An agent follows its users into the room that replaces one it is in, whatever `invites` says.
  if (follows && isUserOfIt) return undefined;
  if (settings.invites === "off") return grounds("invites_off");
  if (settings.invites === "allowlist") {
    const { inviteFrom } = settings;
    const isRoomListed = facts.room.names.some((name) => inviteFrom.includes(name));
    const isPermitted = isRoomListed || isInviterListed(inviteFrom, person);
    return isPermitted ? undefined : grounds("not_on_invite_list", { entries: inviteFrom.length });
  }
  if (direct && settings.dm === "disabled") return grounds("dm_disabled");
  // The agent has to be in the chat to give a pairing code.
  if (direct && (settings.dm === "open" || settings.dm === "pairing")) return undefined;
  return isUserOfIt ? undefined : grounds("not_invited_by_user");
}
