/** The facts the gate decides on, and its verdicts. */
import type { Person } from "../access/access.ts";
import type { PairCount } from "../access/pair-guard.ts";
import type { Agent } from "../configuration/agent.ts";
import type { Settings } from "../configuration/settings.ts";
import type { Command } from "../message/command.ts";
import type { Message } from "../message/message.ts";
import {
  type AgentId,
  type AgentKey,
  BOT,
  type EventId,
  type RoomId,
  type Speaker,
  type UserId,
} from "../protocol/ids.ts";
import { NO_STATE, type RoomState } from "../protocol/room-state.ts";
import { answerThread, type Conversation } from "../turn/session.ts";
import type { Grounds } from "./evidence.ts";
import type { Because, IgnoreReason } from "./reasons.ts";

/** A joined agent of a room, with its settings there; without its avatar. */
export interface Present {
  agent: Agent;
  userId: UserId;
  /** It was invited here as to a direct chat. */
  invitedDirectly: boolean;
}

/** A joined agent that an event could concern. */
export interface Concerned extends Present {
  /** The sender may talk to it, by a pairing code or an admin's `!allow`. */
  paired: boolean;
}

/** A thread an agent was woken in, and the user who woke it. */
export interface ThreadHold {
  /** Both undefined where the first message woke several agents. */
  agent?: AgentId;
  holder?: UserId;
  /** Another user or agent has spoken in it since. */
  shared: boolean;
  /** When one of the two last spoke in it; our clock. */
  atMs: number;
}

/** Facts about a room: the same for every event, until something changes there. */
export interface RoomFacts {
  id: RoomId;
  state: RoomState;
  /** The stored state cannot be read: it is to be read from the homeserver before anything is decided. */
  stateIsLost?: true;
  /** The first of the rooms that replaced each other; the room itself where it replaced none. */
  origin: RoomId;
  /** Aliases of the configuration that mean this room. */
  aliases: readonly string[];
  /** The names the configuration may use for it: its id, the ids of rooms it has replaced, its aliases. */
  names: readonly string[];
  /** Whether it is a direct chat, if an operator has set that. */
  direct?: boolean;
  muted: boolean;
  /** Joined members, counted no further than 3; 0 when none is known. */
  joinedCount: number;
  /** Set where the bot has joined. */
  botUserId?: UserId;
  /** Joined agents that are not retired, in the order of their ids; of a crowded room only the first. */
  present: readonly Present[];
  /** More agents have joined than are looked at for each event. */
  crowded: boolean;
  /** None of our users is known to be there: neither the bot, nor an agent's, nor that of one that was removed. */
  withoutOurs?: true;
}

/** The facts of a room we know nothing of. */
export const unknownRoom = (id: RoomId): RoomFacts => ({
  id,
  state: NO_STATE,
  origin: id,
  aliases: [],
  names: [id],
  muted: false,
  joinedCount: 0,
  present: [],
  crowded: false,
  withoutOurs: true,
});

/** Facts about an event's sender, and about the events it refers to. */
export interface SenderFacts {
  /** Agents the sender was paired with or let in to. */
  paired: readonly AgentId[];
  /** The agent that wrote the target. */
  repliedAgent?: AgentId;
  /** The agents that were asked by the target. */
  askedAgents: readonly AgentId[];
  thread?: ThreadHold;
  /** The outbox row that the event's mark names: unsent as far as we know, or ended. Undefined: there is none. */
  markedRow?: "open" | "ended";
  /** The pair guard's counts for the sender, by agent. */
  pairs: ReadonlyMap<AgentId, PairCount>;
  /** An agent said one of the texts in the room a short time ago. */
  isEcho: boolean;
  /** The people for whom our agent said this, by the turn that it answers; undefined where they are not known. */
  askers?: readonly Asker[];
}

/** A person for whom an agent speaks. */
export interface Asker {
  userId: UserId;
  /** Agents the person was paired with or let in to. */
  paired: readonly AgentId[];
}

/** The facts about a sender we know nothing of. */
export const UNKNOWN_SENDER: SenderFacts = { paired: [], askedAgents: [], pairs: new Map(), isEcho: false };

/** Everything the gate may look at besides the message. */
export interface Facts {
  /** Our clock, milliseconds since the epoch. */
  nowMs: number;
  /** The age the homeserver measured, plus the time since we received the event. */
  ageMs: number;
  /** The homeserver keeps the event from clients: it failed the room's rules, or a policy server's. */
  softFailed: boolean;
  sender: { isOurs: boolean; agent?: AgentId; isLocal: boolean; power: number };
  /** The people for whom our agent speaks; undefined where they are not known. For other senders it says nothing. */
  askers?: readonly (Asker & { person: Person })[];
  room: RoomFacts;
  /** The agents the event could concern: all of a small room; of a crowded one those it names, and those that listen. */
  present: readonly Concerned[];
  /** The agent whose message this one replies to, or reacts to. */
  repliedAgent?: AgentId;
  /** Agents that were asked by the message this one reacts to. */
  askedAgents?: readonly AgentId[];
  thread?: ThreadHold;
  /** The pair guard's counts for the sender, by agent. */
  pairs?: ReadonlyMap<AgentId, PairCount>;
  /** Another user sent it, with the mark of a message of ours. */
  bearsOurMark?: boolean;
  /** Another user repeats, word for word, what an agent has just said here. */
  echoes?: boolean;
  invited?: Invited;
  /** Aliases of the configuration whose room may have changed by the event. */
  aliases?: readonly string[];
  /** False when a user left and only our own users remain. */
  peopleLeft?: boolean;
  /** Everybody in a direct chat of ours that a third one has just joined, but for our own users. */
  people?: readonly (Asker & { person: Person })[];
}

/** One of our users that is invited. */
export interface Invited {
  /** Undefined where the user id fits no agent. */
  agent?: Speaker;
  /** Undefined where there is no such agent. */
  settings?: Settings;
  /** The family it is a member of. */
  family?: AgentKey;
  direct: boolean;
  /** The room replaces one the agent is in. */
  follows: boolean;
  paired: boolean;
  /** It has an account on the homeserver. Members of families have none before they join somewhere. */
  isMade: boolean;
}

/** An agent that an event wakes. */
export interface Woken {
  concerned: Concerned;
  because: Because;
  /** The pattern of the agent's that named it, where one did. */
  pattern?: string;
  /** The text the agent is asked, without the mention it began with. */
  text: string;
  conversation: Conversation;
  /** The pair guard counts it. */
  isCounted: boolean;
}

export interface Wake {
  kind: "wake";
  woken: readonly Woken[];
  /** How many agents have answered each other before this. */
  hop: number;
}

/** The gate's answer for one event. A kind that is stored under one reason is named like it (`reasons.ts`). */
export type Verdict =
  | Wake
  /** Too old to be answered: the agents see it as context of their next turn. */
  | (Omit<Wake, "kind"> & { kind: "too_old" })
  | { kind: "join"; agent: Speaker }
  /** The invitation is rejected; the inviter is told why. */
  | ({ kind: "decline"; agent: Speaker } & Grounds<IgnoreReason>)
  /** Stops the turns that this event asked for or that are shown in it. */
  | { kind: "stop"; at: EventId; agents: readonly AgentId[] }
  | { kind: "redaction"; eventId: EventId }
  | Ordered
  /** An unknown user in a direct chat is given a pairing code. */
  | { kind: "pair"; agent: AgentId }
  /** The agent says that it cannot read encrypted messages. */
  | { kind: "encrypted"; agent: AgentId }
  /** The room was replaced. */
  | { kind: "follow"; to: RoomId }
  /** These aliases of the configuration are looked up again. */
  | { kind: "look_up"; aliases: readonly string[] }
  /** Only our own users are left. */
  | { kind: "depart" }
  /** Somebody has joined a direct chat, and nobody there may bring these agents to a room. */
  | { kind: "no_direct_chat"; agents: readonly AgentId[] }
  | Ignored;

/** The agent that a verdict is about; none for the bot. */
export const aboutOf = (speaker: Speaker | undefined): { about?: AgentId } =>
  speaker === undefined || speaker === BOT ? {} : { about: speaker };

export type Ignored = { kind: "ignore"; about?: AgentId } & Grounds<IgnoreReason>;

/** A command that is permitted. */
export interface Ordered {
  kind: "command";
  command: Command;
  /** The agents it is for; empty where it should have named one. */
  concerned: readonly Concerned[];
  /** The speaker that answers. */
  speaker: Speaker;
  /** The sender may do what `admins` may. */
  isAdmin: boolean;
  /** The message below the command, asked after it. */
  then?: Wake;
}

/** The conversation a message belongs to when it is said to this agent. */
export function conversationWith(concerned: Concerned, message: Message, { room }: Facts): Conversation {
  const { agent, invitedDirectly } = concerned;
  const direct = isDirect(concerned, room);
  return {
    agent,
    origin: room.origin,
    sender: message.event.sender,
    direct,
    // A chat that others have joined gets a new session, so that they never see its private history.
    opened: invitedDirectly && !direct,
    answersIn: answerThread(message.place, direct, agent.settings),
  };
}

/**
 * A direct chat: the agent was invited to one, and no third member has joined; or the operator says so. Two members
 * alone make none.
 */
export const isDirect = ({ invitedDirectly }: Present, { direct, joinedCount }: RoomFacts): boolean =>
  direct ?? (invitedDirectly && joinedCount <= 2);
