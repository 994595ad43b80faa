/**
 * Who comes and goes: invitations of our users, and rooms nobody but us is left in.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroommember
 */
import type { RoomEvent } from "../protocol/event.ts";
import type { Facts, Invited, Verdict } from "./facts.ts";
import { isIgnored, isInviterListed, isUserOf, personOf } from "./permits.ts";
import type { IgnoreReason } from "./why.ts";

export function gateMember(event: RoomEvent, facts: Facts): Verdict {
  const { invited, peopleLeft } = facts;
  if (peopleLeft === false) return { kind: "depart" };
  if (event.content["membership"] !== "invite" || !invited) return { kind: "ignore", reason: "membership" };
  const { agent, settings } = invited;
  if (!settings) return { kind: "ignore", reason: "unknown_agent", ...(agent ? { about: agent } : {}) };
  // Of any age: an invitation that came while we were away is still one.
  const reason = refusalOf(event, facts, invited, settings);
  return reason ? { kind: "decline", agent, reason } : { kind: "join", agent };
}

function refusalOf(
  event: RoomEvent,
  facts: Facts,
  { direct, follows, paired }: Invited,
  settings: NonNullable<Invited["settings"]>,
): IgnoreReason | undefined {
  // One agent brings another only as far as its users do: own users are no way around the list.
  const person = personOf(event.sender, facts);
  if (isIgnored(settings, event.sender)) return "ignored_sender";
  const isUserOfIt = paired || isUserOf(settings, person);
  // Into the room that replaces one it is in an agent follows its users, whatever it does elsewhere.
  if (follows && isUserOfIt) return undefined;
  if (settings.invites === "off") return "invites_off";
  if (settings.invites === "allowlist") {
    const isRoomListed = facts.room.names.some((name) => settings.inviteFrom.includes(name));
    return isRoomListed || isInviterListed(settings.inviteFrom, person) ? undefined : "not_on_invite_list";
  }
  if (direct && settings.dm === "disabled") return "dm_disabled";
  // Who is to be given a code has to be let in to be told it.
  if (direct && (settings.dm === "open" || settings.dm === "pairing")) return undefined;
  return isUserOfIt ? undefined : "not_invited_by_user";
}
