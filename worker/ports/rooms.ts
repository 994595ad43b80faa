/** The room lane: what was pushed, what holds in a room, what was decided. */
import type { PairCount } from "#core/access/pair-guard.ts";
import type { Agent } from "#core/configuration/agent.ts";
import type { Membership as MembershipKind, ThreadNews } from "#core/gate/asks.ts";
import type { ThreadHold } from "#core/gate/facts.ts";
import type { DeliveryKey } from "#core/message/mark.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { RoomState } from "#core/protocol/room-state.ts";
import type { Lease } from "#core/turn/lane.ts";
import type { NewTurn, SessionKey, WaitingEvent } from "#core/turn/turn.ts";
import type { OutboxRow } from "./delivery.ts";
import type { DeadLetter } from "./operator.ts";
import type { ControlKind } from "./turns.ts";

export interface Intake {
  /** Undefined when the events were read back rather than pushed. */
  transactionId?: string;
  events: readonly RoomEvent[];
  deadLetters: readonly DeadLetter[];
  /** Our clock, milliseconds since the epoch. */
  nowMs: number;
  /**
   * Events read back rather than pushed: the ids of all that was read, known ones too, oldest first. Each event is placed
   * right after the nearest known one before it, as it is known at that moment; what is older than all of these is
   * history, and not remembered.
   */
  among?: readonly EventId[];
}

/** The verdict as it rests on the event's row, and everything it brings. */
export interface Decision {
  /** `join`, `wake_…`, `stop`, or the reason it was dropped for. */
  reason: string;
  turns: readonly NewTurn[];
  members: readonly Membership[];
  /** What running turns are told; it is meant for turns that were asked before this event, and for no later one. */
  controls: readonly { session: SessionKey; kind: ControlKind }[];
  /** A prompt that was taken back: its turns end where they have not begun. */
  redacted?: EventId;
  /** Our own event came back: proof that this row was sent, should its answer have been lost. */
  confirmed?: Confirmation;
  /** What the room is told at once. */
  notices: readonly OutboxRow[];
  /** The agent the reason is about, for whoever asks why. */
  about?: AgentId;
  /** What the event changes of the room's state. */
  state?: Partial<RoomState>;
  /** Of a machine that woke agents: its counts with each of them from here on. */
  pairs?: readonly { agent: AgentId; count: PairCount }[];
  thread?: ThreadNews;
}

export interface Confirmation {
  key: DeliveryKey;
  userId: UserId;
  eventId: EventId;
}

export interface Membership {
  userId: UserId;
  membership: MembershipKind;
  /** Invited as to a direct chat. Kept when the membership changes, until the user leaves. */
  direct?: boolean;
}

/** A joined agent of a room, with what holds for it there; without its picture. */
export interface Present {
  agent: Agent;
  userId: UserId;
  invitedDirectly: boolean;
}

/** What the ledger knows of a room: the same for every event, until something changes. */
export interface RoomLook {
  state: RoomState;
  /** The first of the rooms that replaced each other; the room itself where it replaced none. */
  origin: RoomId;
  /** Aliases of the configuration that mean this room. */
  aliases: readonly string[];
  direct?: boolean;
  muted: boolean;
  /** Joined members, counted no further than 3; 0 when none is known. */
  joinedCount: number;
  botJoined: boolean;
  /** Joined agents that are not retired, in the order of their ids; of more than 20 only the first. */
  present: readonly Present[];
  /** There are more than those. */
  crowded: boolean;
}

/** What is known of an event's sender and of what the event points at. */
export interface SenderLook {
  /** Agents the sender was paired with or let in to. */
  paired: readonly AgentId[];
  /** The agent who wrote the target. */
  repliedAgent?: AgentId;
  /** The agents that were asked by the target. */
  askedAgents: readonly AgentId[];
  thread?: ThreadHold;
  /** The key is one of a message of ours. */
  bearsOurMark: boolean;
}

export interface SenderAsked {
  sender: UserId;
  target?: EventId | undefined;
  threadRoot?: EventId | undefined;
  /** The delivery key the event bears. */
  ownKey?: string | undefined;
}

/** What was pushed, what holds in a room, and the verdicts. */
export interface RoomLedger {
  /** Remembers a push once, in one atomic batch; returns the rooms that have undecided events among those pushed. */
  accept(intake: Intake): Promise<RoomId[]>;
  nextEvents(lease: Lease, limit: number): Promise<WaitingEvent[]>;
  room(roomId: RoomId): Promise<RoomLook>;
  /** Of a room with more agents than a look shows: those that are named by user id or by (lower-case) name, and those that listen to everything or that the room's layer names, 20 at most of each. */
  presentIn(roomId: RoomId, named: readonly UserId[], name: string | undefined): Promise<Present[]>;
  sender(roomId: RoomId, asked: SenderAsked): Promise<SenderLook>;
  /** Whether an agent said exactly this in the room since then (milliseconds since the epoch). */
  wasSaid(roomId: RoomId, text: string, sinceMs: number): Promise<boolean>;
  /** How often this sender woke which agent of the room lately. */
  pairs(roomId: RoomId, sender: UserId): Promise<Map<AgentId, PairCount>>;
  /** Whether anybody but us and this one is joined or invited, as far as is known. */
  hasPeople(roomId: RoomId, apart: string | undefined): Promise<boolean>;
  /** Our users that are joined, the bot and retired agents' included, in pages: after this user id. */
  ghostsIn(roomId: RoomId, after: string, limit: number): Promise<UserId[]>;
  /** Whether this user is in a room that the other one has replaced; then which. */
  replacedBy(roomId: RoomId, userId: UserId): Promise<RoomId | undefined>;
  /** One atomic batch: the verdict on the event's row, its turns, its memberships, its controls. */
  decide(lease: Lease, event: WaitingEvent, decision: Decision): Promise<boolean>;
  /** Many verdicts that bring nothing, in one batch; true when all of them were written. */
  ignore(lease: Lease, ignored: readonly { seq: number; reason: string; about?: AgentId }[]): Promise<boolean>;
  /** The state of a room as just read from the homeserver. */
  setState(roomId: RoomId, state: RoomState): Promise<void>;
  /** What held in a room, and how its agents were invited, holds in the one that replaced it. Done twice it is done once. */
  succeed(from: RoomId, to: RoomId): Promise<void>;
  /** The whole membership of a room as just read from the homeserver; who was invited directly stays so. */
  setMembers(roomId: RoomId, members: readonly Membership[]): Promise<void>;
}
