/** What rooms need from each other and from a host. A room imports these, never another room. */
import type { Agent, BackendSpec } from "#core/agent.ts";
import type { Backend, Fetch } from "#core/backend.ts";
import type { Json, JsonObject, RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Result } from "#core/result.ts";
import type { NewTurn, Reply, SessionKey, Turn, TurnEnding, TurnId, WaitingEvent } from "#core/turn.ts";

// ---------- lanes ----------

export type LaneKind = "room" | "session" | "out";
/** `room:<room id>`, `session:<key>`, `out:<ghost user id>|<room id>`. Carried by the doorbell, and nothing else is. */
export type LaneId = `${LaneKind}:${string}`;

/** The right to run a lane. Every write of a runner names it; with a fence that is no longer the lane's it writes nothing. */
export interface Lease {
  lane: LaneId;
  fence: number;
}

/** What running a lane ended with: nothing left, or something that is due later (milliseconds since the epoch). */
export type Idle = { idle: true; dueAtMs?: number };

/** What a lane's work is given. */
export interface Running {
  lease: Lease;
  /** Aborts when the lease was lost: whatever is still done then is written nowhere. */
  lost: AbortSignal;
  /** Resolves at the next ring of this lane. */
  rung(): Promise<void>;
}
/** What is left, and when, the pump reads off the ledger as it lets the lane go. */
export type Work = (running: Running) => Promise<void>;

/** Runs a lane until nothing is due, if the lease can be had; says when to come back. One runner per lane in the world. */
export type RunLane = (lane: LaneId) => Promise<Idle>;

/** "Look at this lane." Losing, doubling or reordering rings is harmless. Resolves when the ring is on its way. */
export interface Doorbell {
  ring(lanes: readonly LaneId[]): Promise<void>;
}

// ---------- ledger ----------

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
  membership: "join" | "invite" | "leave" | "ban" | "knock";
}

/** What the ledger knows of a room that the gate may look at. */
export interface RoomFacts {
  /** Of the agents asked about, those who are joined. */
  joinedAgents: readonly AgentId[];
  /** Joined members, counted no further than 3; 0 when none is known. */
  joinedCount: number;
  /** The agent who wrote the event that was asked about, if it is one of ours. */
  repliedAgent?: AgentId;
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
  agent: AgentId;
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
  /** Facts about a room; `askedAgents` undefined asks for the joined agents themselves, at most two. */
  roomFacts(roomId: RoomId, askedAgents: readonly AgentId[] | undefined, repliedTo?: EventId): Promise<RoomFacts>;
  /** One atomic batch: the verdict on the event's row, its turns, its memberships, its controls. */
  decide(lease: Lease, event: WaitingEvent, decision: Decision): Promise<boolean>;
  /** Many verdicts that bring nothing, in one batch; true when all of them were written. */
  ignore(lease: Lease, ignored: readonly { seq: number; reason: string }[]): Promise<boolean>;
  /** The whole membership of a room as just read from the homeserver. */
  setMembers(roomId: RoomId, members: readonly Membership[]): Promise<void>;
  /** Sessions of the room with a turn that is not answered yet. */
  openSessions(roomId: RoomId, threadRoot: EventId | undefined): Promise<SessionKey[]>;
  /** Sessions with an unanswered turn that was asked by this event, or that shows itself in it. */
  openSessionsAt(eventId: EventId): Promise<SessionKey[]>;
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

  // agents and ghosts
  agent(id: AgentId): Promise<Agent | undefined>;
  agents(): Promise<Agent[]>;
  setAgents(agents: readonly Agent[], nowMs: number): Promise<void>;
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

// ---------- matrix ----------

export interface HomeserverError {
  /** 0 when there was no answer. */
  status: number;
  errcode: string;
  message: string;
  retryAfterMs?: number;
}
export type Answer = Result<JsonObject, HomeserverError>;

/** The client–server API bound to one acting user. Every request after its device exists carries `user_id` and `device_id`. */
export interface Intent {
  readonly userId: UserId;
  readonly deviceId: string;
  /** A frozen request, repeated byte for byte. */
  put(path: string, body: string): Promise<Answer>;
  join(roomId: RoomId): Promise<Answer>;
  typing(roomId: RoomId, on: boolean, timeoutMs: number): Promise<Answer>;
  joinedMembers(roomId: RoomId): Promise<Result<UserId[], HomeserverError>>;
  /** Newest first; `next` undefined at the beginning of the room. `events` are as raw as they came. */
  messagesBack(roomId: RoomId, from?: string): Promise<Result<{ events: Json[]; next?: string }, HomeserverError>>;
}

/** Ghosts as Matrix users: made on demand, each once. */
export interface Ghosts {
  /** Registers the ghost, its device, its profile, whatever of it is missing; then an intent bound to it. */
  intent(agent: Agent): Promise<Result<Intent, HomeserverError>>;
  /** Asks the homeserver to call our `/ping`; fails when it cannot be reached, or cannot reach us. */
  ping(appserviceId: string): Promise<Answer>;
  /** An intent for a ghost that must exist already. */
  existing(userId: UserId, deviceId: string): Intent;
}

/** As much of `fetch` as the client–server API needs. Rejects when there is no answer. */
export type Ask = (
  url: string,
  init: {
    method: string;
    headers: Record<string, string>;
    body?: string | Uint8Array<ArrayBuffer>;
    signal: AbortSignal;
  },
) => Promise<{ status: number; header(name: string): string | null; text(): Promise<string> }>;

// ---------- delivery ----------

/** A reply while it grows: one message, edited. Everything but the first text is best effort. */
export interface Draft {
  /** The whole text so far. Returns at once. */
  show(text: string): void;
  /** Ends the edits and waits for the one in flight. */
  close(): Promise<void>;
}

export interface Delivery {
  lane(turn: Pick<Turn, "agent" | "roomId">): LaneId;
  /** One row that says a sentence of ours as the agent; the key is the cause's own. */
  notice(where: NoticePlace, markdown: string): OutboxRow;
  draft(turn: Turn, running: Running, intent: Intent): Draft;
  /** The delivery key of the turn's draft, if it ever had one. */
  draftKey(turn: Turn): string;
  /** What brings the reply: new messages, or with a draft its final edit and whatever did not fit into it. */
  rows(turn: Turn, reply: Reply, draft?: EventId): OutboxRow[];
}

/** Where one of our own sentences is said. `cause` is unique over all ghosts: the same one is said once. */
export interface NoticePlace {
  agent: AgentId;
  roomId: RoomId;
  threadRoot?: EventId;
  cause: string;
}

// ---------- backends ----------

export interface Backends {
  /** Checks an agent's settings for a backend; the sentence says what to mend. */
  check(spec: BackendSpec): Result<Backend, string>;
}

// ---------- hosts ----------

export type { Fetch };

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
/** Writes one line. `event` is from the closed list in `observe/log.ts`; no field ever carries a secret. */
export type Log = (event: LogEvent, fields?: Record<string, Json | undefined>) => void;
export type LogEvent =
  | "started"
  | "homeserver_without_device_id"
  | "homeserver_unreachable"
  | "transaction"
  | "dead_letter"
  | "event_dropped"
  | "gap_repaired"
  | "gap_unrepaired"
  | "ping_failed"
  | "tend_failed"
  | "joined"
  | "join_failed"
  | "ghost_failed"
  | "turn_started"
  | "turn_answered"
  | "turn_failed"
  | "turn_delivered"
  | "send_retried"
  | "edit_skipped"
  | "lane_failed"
  | "lease_lost"
  | "ring_given_up"
  | "agents_applied"
  | "request_failed";
