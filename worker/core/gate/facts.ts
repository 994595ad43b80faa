/** What the gate may look at, and what it can answer. */

import type { PairCount } from "../access/pair-guard.ts";
import type { Agent } from "../configuration/agent.ts";
import type { Settings } from "../configuration/settings.ts";
import type { Command } from "../message/command.ts";
import type { AgentId, EventId, RoomId, UserId } from "../protocol/ids.ts";
import type { RoomState } from "../protocol/room-state.ts";

import type { IgnoreReason } from "./why.ts";

export type Because = "mention" | "reply" | "thread" | "direct" | "listening";

/** A joined agent that an event could concern, with what holds for it in this room. */
export interface Concerned {
  agent: Agent;
  userId: UserId;
  /** It was invited here as to a direct chat. */
  invitedDirectly: boolean;
  /** The sender was let in by a code, or by an admin's word. */
  paired: boolean;
}

/** A thread an agent was woken in, and who woke it. */
export interface ThreadHold {
  /** Both undefined where it began with several. */
  agent?: AgentId;
  holder?: UserId;
  /** Somebody else has spoken in it since. */
  shared: boolean;
  /** When it was last spoken in by the two; our clock. */
  atMs: number;
}

/** Facts about the room an event is in. */
export interface RoomAsGate {
  id: RoomId;
  state: RoomState;
  /** What the configuration may call it: its id, those of rooms it has replaced, its aliases. */
  names: readonly string[];
  /** What an operator says of it being a direct chat, if anything. */
  direct?: boolean;
  muted: boolean;
  /** Joined members, counted to three. */
  joinedCount: number;
  /** More agents are here than an event names. */
  crowded: boolean;
  /** The bot's own user is here. */
  botUserId?: UserId;
}

export interface Facts {
  /** Our clock, milliseconds since the epoch. */
  nowMs: number;
  /** What the homeserver measured, plus what we measured since we received it. */
  ageMs: number;
  /** The homeserver itself would not have shown it. */
  softFailed: boolean;
  sender: { isOurs: boolean; agent?: AgentId; isLocal: boolean; power: number };
  room: RoomAsGate;
  /** Joined agents the event could concern: of few all, of many those it names, and those that listen to everything. */
  present: readonly Concerned[];
  /** The agent whose message this one replies to, or reacts to. */
  repliedAgent?: AgentId;
  /** Agents that were asked by the message this one reacts to. */
  askedAgents?: readonly AgentId[];
  thread?: ThreadHold;
  /** How often the sender woke which agent lately, as far as the pair guard counts. */
  pairs?: ReadonlyMap<AgentId, PairCount>;
  /** It bears the mark of something we sent, and somebody else sent it. */
  bearsOurMark?: boolean;
  /** What an agent said here a moment ago, somebody else says now: word by word. */
  echoes?: boolean;
  invited?: Invited;
  /** Of somebody who leaves: whether people are left, beside our own users. */
  peopleLeft?: boolean;
}

/** One of our users that is invited. */
export interface Invited {
  /** Undefined for the bot. */
  agent?: AgentId;
  /** Undefined where there is no such agent. */
  settings?: Settings;
  direct: boolean;
  /** The room replaces one the agent is in. */
  follows: boolean;
  paired: boolean;
}

export interface Woken {
  agent: AgentId;
  because: Because;
  /** What the agent is asked, without the mention it began with. */
  text: string;
  direct: boolean;
  /** It was a direct chat, until somebody else came: what was said before is none of their business. */
  opened: boolean;
  /** The pair guard counts it. */
  isCounted: boolean;
}

export interface Wake {
  kind: "wake";
  woken: readonly Woken[];
  /** How many agents have answered each other before this. */
  hop: number;
}

export type Verdict =
  | Wake
  /** What was said too long ago to be answered: the agents know of it when they are asked next. */
  | { kind: "context"; woken: readonly Woken[]; hop: number }
  /** `agent` undefined is the bot. */
  | { kind: "join"; agent: AgentId | undefined }
  /** The invitation is turned down; whoever invited is told why. */
  | { kind: "decline"; agent: AgentId | undefined; reason: IgnoreReason }
  /** What this event asked for or shows. */
  | { kind: "stop"; at: EventId; agents: readonly AgentId[] }
  /** A prompt was taken back. */
  | { kind: "redact"; eventId: EventId }
  | Ordered
  /** Somebody unknown in a direct chat is given a code. */
  | { kind: "pair"; agent: AgentId }
  /** The room is encrypted, and somebody should know what that means for the agent. */
  | { kind: "tell"; what: "encrypted"; agent: AgentId }
  /** The room was replaced. */
  | { kind: "follow"; to: RoomId }
  /** Nobody but us is left. */
  | { kind: "depart" }
  | { kind: "ignore"; reason: IgnoreReason; about?: AgentId; sharesThread?: boolean };

/** A command, permitted. */
export interface Ordered {
  kind: "command";
  command: Command;
  /** Whom it concerns; empty where one would have had to be named. */
  agents: readonly AgentId[];
  /** Who answers: an agent, or undefined for the bot. */
  speaker: AgentId | undefined;
  /** The sender may do what `admins` may. */
  isAdmin: boolean;
  /** What stands below the command, asked after it. */
  then?: Wake;
}

/** It was a direct chat, until somebody else came. */
export const isOpened = (concerned: Concerned, room: RoomAsGate): boolean =>
  concerned.invitedDirectly && !isDirect(concerned, room);

/** A direct chat: the agent was invited to one, and nobody else has come; or an operator says so. Never by counting. */
export const isDirect = ({ invitedDirectly }: Concerned, { direct, joinedCount }: RoomAsGate): boolean =>
  direct ?? (invitedDirectly && joinedCount <= 2);
