/** What has to be looked up before the gate can decide; so that nobody else looks at an event's type. */
import * as z from "zod/v4";
import { keyOfOwn, markIn } from "../message/mark.ts";
import { addressedIn, openingOf } from "../message/mention.ts";
import { readContent, relationsOf } from "../message/text.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { EventId, UserId } from "../protocol/ids.ts";
import { type RoomState, stateIn } from "../protocol/room-state.ts";
import type { Facts, ThreadHold, Verdict } from "./facts.ts";

const Membership = z.enum(["join", "invite", "leave", "ban", "knock"]);
export type Membership = z.infer<typeof Membership>;

export interface Asks {
  /** Whether facts about the room and its agents matter. */
  room: boolean;
  /** Users the event names, whoever they are. */
  named: UserId[];
  /** What may be an agent's name at the start of it. */
  opening?: string;
  /** The message it replies to, or reacts to. */
  target?: EventId;
  threadRoot?: EventId;
  /** The delivery key it bears, if it bears a mark of ours. */
  ownKey?: string;
  invitee?: UserId;
  /** A membership to be remembered, whatever the verdict. */
  membership?: { userId: UserId; membership: Membership; direct: boolean };
  /** Somebody has gone, and perhaps nobody is left. */
  someoneLeft: boolean;
  /** State to be remembered, whatever the verdict. */
  state?: Partial<RoomState>;
}

const NOTHING: Asks = { room: false, named: [], someoneLeft: false };
const Reaction = z.object({ event_id: EventId });

export function asks(event: RoomEvent): Asks {
  if (event.type === "m.room.member") return { ...NOTHING, ...asksOfMember(event) };
  if (event.state_key !== undefined) return { ...NOTHING, ...asksOfState(event) };
  if (event.type === "m.room.encrypted") return { ...NOTHING, room: true };
  if (event.type === "m.reaction") {
    const target = Reaction.safeParse(event.content["m.relates_to"]).data?.event_id;
    return target ? { ...NOTHING, room: true, target } : NOTHING;
  }
  return event.type === "m.room.message" ? { ...NOTHING, ...asksOfMessage(event) } : NOTHING;
}

function asksOfMessage(event: RoomEvent): Partial<Asks> {
  const content = readContent(event);
  const { users, text } = addressedIn(content);
  const opening = text === undefined ? undefined : openingOf(text);
  const { repliedTo, threadRoot } = relationsOf(event);
  const ownKey = keyOfOwn(event);
  return {
    room: true,
    named: users,
    ...(opening ? { opening } : {}),
    // A thread that begins at somebody's message is theirs.
    ...(repliedTo || threadRoot ? { target: repliedTo ?? threadRoot } : {}),
    ...(threadRoot ? { threadRoot } : {}),
    ...(ownKey ? { ownKey } : {}),
  };
}

function asksOfState(event: RoomEvent): Partial<Asks> {
  const state = stateIn(event);
  return state ? { state, room: event.type === "m.room.tombstone" } : {};
}

function asksOfMember(event: RoomEvent): Partial<Asks> {
  const user = UserId.safeParse(event.state_key);
  const membership = Membership.safeParse(event.content["membership"]);
  if (!user.success || !membership.success) return {};
  const direct = event.content["is_direct"] === true;
  const isGone = membership.data === "leave" || membership.data === "ban";
  return {
    ...(membership.data === "invite" ? { invitee: user.data } : {}),
    membership: { userId: user.data, membership: membership.data, direct },
    someoneLeft: isGone,
  };
}

/** What a message means for the thread it is said in, or begins; undefined when nothing. */
export type ThreadNews =
  | { root: EventId; hold: Required<Pick<ThreadHold, "agent" | "holder">> }
  | { root: EventId; shared: true };

/**
 * A person who wakes one agent holds its thread; whoever else speaks in it, person or agent, ends that. `answersIn` is the
 * thread the woken agent's answer goes to.
 */
export function threadNews(
  event: RoomEvent,
  facts: Facts,
  verdict: Verdict,
  answersIn: EventId | undefined,
): ThreadNews | undefined {
  const { threadRoot } = relationsOf(event);
  const { thread, sender } = facts;
  if (thread && threadRoot && isStranger(event, facts, thread)) return { root: threadRoot, shared: true };
  const root = threadRoot ?? answersIn;
  if (verdict.kind !== "wake" || sender.isOurs || root === undefined) return undefined;
  const [woken, another] = verdict.woken;
  if (another) return { root, shared: true };
  if (!woken) return undefined;
  if (thread && thread.agent !== woken.agent) return { root, shared: true };
  return { root, hold: { agent: woken.agent, holder: event.sender } };
}

/** A person, or an agent that answers; what we say about commands and the like is no voice in a thread. */
function isStranger(event: RoomEvent, facts: Facts, { agent, holder, shared }: ThreadHold): boolean {
  if (shared || facts.softFailed || event.sender === holder) return false;
  return facts.sender.isOurs ? markIn(event)?.kind === "reply" && facts.sender.agent !== agent : true;
}
