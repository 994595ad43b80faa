/** Durable memory, as rooms need it. */
import type { Agent, AgentSpec } from "#core/agent.ts";
import type { Membership as MembershipKind, ThreadNews } from "#core/gate/asks.ts";
import type { ThreadHold } from "#core/gate/facts.ts";
import type { Configuration } from "#core/policy/configuration.ts";
import type { PairCount } from "#core/policy/pair-guard.ts";
import type { RoomState } from "#core/policy/power.ts";
import type { RoomLayer, Settings } from "#core/policy/settings.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, AgentKey, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { NewTurn, Reply, SessionKey, Turn, TurnEnding, TurnId, WaitingEvent } from "#core/turn.ts";

export type LaneKind = "room" | "session" | "out";
/** `room:<room id>`, `session:<key>`, `out:<ghost user id>|<room id>`. Carried by the doorbell, and nothing else is. */
export type LaneId = `${LaneKind}:${string}`;

/** The right to run a lane. Every write of a runner names it; with a fence that is no longer the lane's it writes nothing. */
export interface Lease {
  lane: LaneId;
  fence: number;
}

export interface DeadLetter {
  kind: "event" | "outbox" | "turn";
  /** One sentence for the operator. */
  reason: string;
  /** What was given up, as it came, at most 64 KiB of it; of a turn its id. */
  raw: string;
}
export type StoredDeadLetter = DeadLetter & { id: number; createdAtMs: number };

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
/** `interrupt`: a newer message takes over; what waits is not concerned. */
export type ControlKind = "stop" | "interrupt";
export interface Confirmation {
  key: string;
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

/** Somebody who asks to be let in. */
export interface Pairing {
  agent: AgentId;
  userId: UserId;
  code: string;
  /** Our clock, milliseconds since the epoch. */
  atMs: number;
}

/** A verdict as it was kept. */
export interface Decided {
  eventId: EventId;
  roomId: RoomId;
  /** Undefined while it waits. */
  verdict?: string;
  about?: AgentId;
  receivedAtMs: number;
}

export interface Ghost {
  userId: UserId;
  deviceId: string;
  /** What of the agent's name and avatar was last shown to the homeserver. */
  profile?: string;
}

export interface OutboxRow {
  /** The delivery key: `<turn>.<part>.<revision>`, also the transaction id at the end of `path`. */
  key: string;
  lane: LaneId;
  turnId?: TurnId;
  /** Empty: the bot. */
  agent: AgentId | "";
  userId: UserId;
  deviceId: string;
  /** Byte-exact, from `/_matrix` on, without the query. */
  path: string;
  /** Byte-exact JSON. */
  body: string;
}
export type StoredOutboxRow = OutboxRow & { seq: number; attempt: number };

export type OutboxEnd = { state: "sent"; eventId: EventId } | { state: "dead"; deadLetter: DeadLetter };

/** Why a turn has no answer of its agent's, and what is kept for the operator where that is a pity. */
export interface Lack {
  ending: TurnEnding;
  deadLetter?: DeadLetter;
}

export interface TurnCaps {
  /** Turns of this agent, and of all agents, that may run at a time. */
  agent: number;
  all: number;
  /** Messages of the agent that may wait to be sent in the room: while there are more, nothing is added to them. */
  out: { lane: LaneId; depth: number };
  nowMs: number;
}

export interface SenderAsked {
  sender: UserId;
  target?: EventId | undefined;
  threadRoot?: EventId | undefined;
  /** The delivery key the event bears. */
  ownKey?: string | undefined;
}

/** `perMinute` tokens flow in; there are never more than `perMinute` of them. */
export interface Bucket {
  key: string;
  perMinute: number;
}

/** How long what is kept, in milliseconds. */
export interface Retention {
  contentsMs: number;
  eventIdsMs: number;
  turnsMs: number;
}

/** What an operator looks at. Times are our clock's, milliseconds since the epoch. */
export interface Figures {
  lastTransactionAtMs?: number;
  undecidedEvents: number;
  openTurns: number;
  runningTurns: number;
  outboxRows: number;
  /** The most that wait of one agent in one room. */
  outboxDepth: number;
  /** How long the oldest question with an undelivered reply has waited for it. */
  outboxAgeMs: number;
  deadLetters: number;
}

/**
 * Durable memory. Everything due is read off it. Each method is one statement or one atomic batch; a method that takes
 * a `Lease` writes nothing (and says `false`) when the lease is no longer held.
 */
export interface Ledger {
  /** Remembers a push once, in one atomic batch; returns the rooms that have undecided events among those pushed. */
  accept(intake: Intake): Promise<RoomId[]>;

  claim(lane: LaneId, owner: string, nowMs: number, ttlMs: number): Promise<Lease | undefined>;
  renew(lease: Lease, untilMs: number): Promise<boolean>;
  /** Lets go, and in the same look says when the lane is due (milliseconds; in the past: now); undefined when nothing is open. */
  release(lease: Lease): Promise<number | undefined>;
  /** Voids every lease: only for a host that knows itself to be alone. */
  voidLeases(): Promise<void>;
  /** Lanes that are due and have no living lease. */
  dueLanes(nowMs: number, limit: number): Promise<LaneId[]>;

  // room lane
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
  /** Sessions of these agents with an unanswered turn in the room or thread; outside of threads also where it begins one. */
  openSessions(roomId: RoomId, threadRoot: EventId | undefined, agents: readonly AgentId[]): Promise<SessionKey[]>;
  /** Sessions of these agents with an unanswered turn in the room that was asked by this event, or that shows itself in it. */
  openSessionsAt(eventId: EventId, roomId: RoomId, agents: readonly AgentId[]): Promise<SessionKey[]>;
  /** Sessions of the room with an unanswered turn, whatever the thread or the agent. */
  openSessionsIn(roomId: RoomId): Promise<SessionKey[]>;
  /** How many turns of a session are open, and the oldest of them. */
  waitingIn(session: SessionKey): Promise<{ count: number; oldest?: TurnId }>;

  // session lane
  /** The oldest open turn of the session, and whether something was said to it. */
  currentTurn(lease: Lease): Promise<{ turn: Turn; told: boolean } | undefined>;
  /** `full`: as many turns run, or as many messages wait, as may. `lost`: the lease is. */
  startAttempt(lease: Lease, turn: Pick<Turn, "id" | "agent">, caps: TurnCaps): Promise<"started" | "full" | "lost">;
  /** Puts the turn off: it is not due before. `failed` counts a failure of its backend. */
  postpone(lease: Lease, turnId: TurnId, notBeforeMs: number, failed?: "failed"): Promise<boolean>;
  /** Remembers what is shown of an answer that is not whole. */
  showing(lease: Lease, turnId: TurnId, shown: string): Promise<boolean>;
  /**
   * What this turn was told, each thing once. After a `stop` the turns that waited behind it by then have ended too.
   * What was meant for earlier turns only is forgotten.
   */
  takeControls(lease: Lease, turn: Pick<Turn, "session" | "seq">): Promise<ControlKind[]>;
  /**
   * Joins the prompts of what waits in the session to this turn's, oldest first: of its sender alone, or of all. What
   * is joined has ended. Says how many were.
   */
  merge(lease: Lease, turn: Pick<Turn, "id" | "session" | "seq" | "prompt">, whose: "sender" | "all"): Promise<number>;
  /** Until when the latest waiting prompt of this turn's sender is held back; 0 when none waits. */
  heldBackUntil(lease: Lease, turn: Pick<Turn, "session" | "seq" | "prompt">): Promise<number>;
  /** One atomic batch: the reply on the turn's row, why it is not the agent's, and the rows that deliver it. */
  answered(lease: Lease, turnId: TurnId, reply: Reply, rows: readonly OutboxRow[], lack?: Lack): Promise<boolean>;
  /** Ends a turn that says nothing. */
  endTurn(lease: Lease, turnId: TurnId, lack: Lack): Promise<boolean>;
  /** Marks the turn delivered if none of its rows is still open; says whether it is. */
  delivered(lease: Lease, turnId: TurnId): Promise<boolean>;
  /** Answered turns of the session, and what was too old to be answered, newest first. */
  transcript(session: SessionKey, limit: number): Promise<Turn[]>;

  // out lane
  /** `showing`: what of its turn's answer can be seen with these rows. */
  freeze(lease: Lease, rows: readonly OutboxRow[], showing?: { turnId: TurnId; text: string }): Promise<boolean>;
  /** What became of a row: undefined when there is none, `eventId` when it was sent. */
  outboxRow(key: string): Promise<{ state: "frozen" | "sent" | "dead"; eventId?: EventId } | undefined>;
  /** `askedAtMs`: when the question was asked that this is a part of the reply to. */
  nextOut(lease: Lease): Promise<(StoredOutboxRow & { notBeforeMs: number; askedAtMs?: number }) | undefined>;
  ended(lease: Lease, seq: number, end: OutboxEnd): Promise<boolean>;
  retryOut(lease: Lease, seq: number, notBeforeMs: number): Promise<boolean>;

  /** Which epoch a conversation is in: the seq of the event that began it anew, 0 before. `base` is the key of epoch 0. */
  epoch(base: SessionKey): Promise<number>;
  beginEpoch(base: SessionKey, epoch: number): Promise<void>;

  // what a turn is told beside its prompt
  /** A stored event with its content; undefined when it is unknown or its content was forgotten. */
  event(eventId: EventId): Promise<RoomEvent | undefined>;
  /** Whether the session had a turn before this one. */
  isFirst(turn: Pick<Turn, "session" | "seq">): Promise<boolean>;
  /**
   * The latest messages of the room (outside of threads) or of the thread between the session's last prompt, if any, and this
   * turn's, oldest first: none of our own users', none that asked this agent, no commands, echoes, or of the ignored.
   */
  chatter(
    turn: Pick<Turn, "session" | "seq" | "agent" | "roomId" | "threadRoot" | "prompt">,
    limit: number,
  ): Promise<RoomEvent[]>;

  // configuration
  configuration(): Promise<Configuration>;
  /** All of it at once. Who is missing among the agents is retired. */
  setConfiguration(configuration: Configuration): Promise<void>;
  /** The agents alone. */
  setAgents(agents: readonly AgentSpec[]): Promise<void>;
  putAgent(agent: AgentSpec): Promise<void>;
  /** False when there is none such. */
  removeAgent(id: AgentKey): Promise<boolean>;
  /** The layer that was written for a room or an alias. */
  roomLayer(name: string): Promise<RoomLayer>;
  setRoomLayer(name: string, layer: RoomLayer): Promise<void>;
  /** What holds for nobody in particular: the defaults, with groups spelt out. */
  defaults(): Promise<Settings>;
  /** Rooms that aliases meant when they were looked up last. */
  aliases(): Promise<{ alias: string; roomId?: RoomId; atMs: number }[]>;
  /** Of an alias that means no room any more the last one is kept: what was written for it must not vanish with it. */
  setAlias(alias: string, roomId: RoomId | undefined, nowMs: number): Promise<void>;

  // who was let in
  /** The code somebody has, or the new one; undefined when as many as may ask already. Codes that are an hour old are void. */
  offerPairing(pairing: Pairing): Promise<string | undefined>;
  pairings(nowMs: number): Promise<Pairing[]>;
  /** Lets in whoever was given this code, undefined when it is void; only for this agent if one is named. The same for a minute. */
  approve(code: string, nowMs: number, agent?: AgentId): Promise<Pairing | undefined>;
  allow(agent: AgentId, userId: UserId, nowMs: number): Promise<void>;
  /** Takes back what `allow`, `approve` or a code gave, or voids a code; false when there was nothing. */
  deny(agent: AgentId, userOrCode: string): Promise<boolean>;
  grants(): Promise<{ agent: AgentId; userId: UserId; atMs: number }[]>;
  /** A code that lets in the first who says it within a week, and says so to them again for a minute. */
  addInviteCode(agent: AgentId, code: string, nowMs: number): Promise<void>;
  useInviteCode(agent: AgentId, code: string, userId: UserId, nowMs: number): Promise<boolean>;

  // why
  verdictOf(eventId: EventId): Promise<Decided | undefined>;
  /** The latest verdicts of a room on what people said, the latest first. */
  verdictsIn(roomId: RoomId, limit: number): Promise<Decided[]>;

  // agents and ghosts
  /** With what holds for it in a room, or in none. A family's member is an agent as well. */
  agent(id: AgentId, roomId?: RoomId): Promise<Agent | undefined>;
  /** As they were written, families too. */
  agents(): Promise<AgentSpec[]>;
  ghost(userId: UserId): Promise<Ghost | undefined>;
  setGhost(ghost: Ghost): Promise<void>;

  // limits
  /** Takes a token of each bucket, or of none; then how long to wait for the emptiest, in milliseconds. */
  takeTokens(wanted: readonly Bucket[], nowMs: number): Promise<number>;
  returnTokens(taken: readonly Bucket[]): Promise<void>;

  // what goes on for ever
  mark(name: string): Promise<string | undefined>;
  setMark(name: string, value: string): Promise<void>;
  /** One bounded step of forgetting; says how many rows it touched. */
  prune(nowMs: number, keep: Retention): Promise<number>;
  /** Of these events those that are known, with their places. */
  known(eventIds: readonly EventId[]): Promise<Map<string, number>>;
  /** Rooms with the latest events, the latest first. */
  activeRooms(limit: number): Promise<RoomId[]>;
  /** Rooms in which an agent is, in the order of their ids, after this one. */
  roomsAfter(roomId: string, limit: number): Promise<RoomId[]>;

  // operator
  /** Puts a turn that was given up in line again, under a new id; false when there is none such. */
  replay(turnId: TurnId, newId: TurnId, nowMs: number): Promise<SessionKey | undefined>;
  figures(nowMs: number): Promise<Figures>;
  addDeadLetter(letter: DeadLetter, nowMs: number): Promise<void>;
  deadLetters(limit: number): Promise<StoredDeadLetter[]>;
  /** How often each verdict was given. */
  verdicts(): Promise<Record<string, number>>;
  /** Resolves when the database answers; throws when it does not. */
  ping(): Promise<void>;
}
