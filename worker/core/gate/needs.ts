/**
 * The facts that have to be looked up for an event before the gate decides. This is the only place that derives them from
 * the event's type.
 */
import * as z from "zod/v4";
import { type DeliveryKey, keyOfOwn } from "../message/mark.ts";
import { openingOf } from "../message/mention.ts";
import type { Message } from "../message/message.ts";
import { type EventId, UserId } from "../protocol/ids.ts";
import { aliasesNamed, type RoomState } from "../protocol/room-state.ts";

const MembershipKind = z.enum(["join", "invite", "leave", "ban", "knock"]);
export type MembershipKind = z.infer<typeof MembershipKind>;

export interface FactNeeds {
  /** Facts about the room and its agents are needed. */
  room: boolean;
  /** Users the event names, whether or not they are agents'. */
  named: UserId[];
  /** The text at its start that may be an agent's name. */
  opening?: string;
  /** The message it replies to, or reacts to. */
  target?: EventId;
  threadRoot?: EventId;
  /** The delivery key in its mark, if it bears a mark of ours. */
  ownKey?: DeliveryKey;
  invitee?: UserId;
  /** A membership to be stored, whatever the verdict. */
  membership?: { userId: UserId; membership: MembershipKind; direct: boolean };
  /** A user has left, perhaps the last one. */
  someoneLeft: boolean;
  /** A user who has joined. */
  joiner?: UserId;
  /** Aliases that the room now has, or says to have. */
  aliases?: readonly string[];
  /** State to be stored, whatever the verdict. */
  state?: Partial<RoomState>;
}

const NOTHING: FactNeeds = { room: false, named: [], someoneLeft: false };

/** The facts a message needs, and what it changes whatever the verdict. */
export function needsOf(message: Message): FactNeeds {
  const { event } = message;
  if (event.type === "m.room.member") return { ...NOTHING, ...needsOfMember(message) };
  if (event.state_key !== undefined) return { ...NOTHING, ...needsOfState(message) };
  if (event.type === "m.room.encrypted") return { ...NOTHING, room: true };
  if (event.type === "m.reaction") {
    const target = message.relations.annotates?.eventId;
    return target ? { ...NOTHING, room: true, target } : NOTHING;
  }
  return event.type === "m.room.message" ? needsOfMessage(message) : NOTHING;
}

function needsOfMessage({ event, mark, addressed, relations }: Message): FactNeeds {
  const { users, text } = addressed;
  const opening = text === undefined ? undefined : openingOf(text);
  const { repliedTo, threadRoot } = relations;
  // A thread that begins at an agent's message is that agent's.
  const target = repliedTo ?? threadRoot;
  const ownKey = mark && keyOfOwn(mark, event);
  return {
    ...NOTHING,
    room: true,
    named: users,
    ...(opening ? { opening } : {}),
    ...(target ? { target } : {}),
    ...(threadRoot ? { threadRoot } : {}),
    ...(ownKey ? { ownKey } : {}),
  };
}

function needsOfState({ event, state }: Message): Partial<FactNeeds> {
  if (event.type === "m.room.canonical_alias" && event.state_key === "")
    return { aliases: aliasesNamed(event.content) };
  return state ? { state, room: event.type === "m.room.tombstone" } : {};
}

function needsOfMember({ event: { state_key, content } }: Message): Partial<FactNeeds> {
  const user = UserId.safeParse(state_key);
  const membership = MembershipKind.safeParse(content["membership"]);
  if (!user.success || !membership.success) return {};
  const direct = content["is_direct"] === true;
  const isGone = membership.data === "leave" || membership.data === "ban";
  return {
    ...(membership.data === "invite" ? { invitee: user.data } : {}),
    ...(membership.data === "join" ? { joiner: user.data } : {}),
    membership: { userId: user.data, membership: membership.data, direct },
    someoneLeft: isGone,
  };
}
