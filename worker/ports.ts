/** What rooms need from each other and from a host. A room imports these, never another room. */
import type { Agent, BackendSpec } from "#core/agent.ts";
import type { Backend, Fetch } from "#core/backend.ts";
import type { Json, JsonObject, RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Result } from "#core/result.ts";
import type { NewTurn, Reply, SessionKey, Turn, TurnId, WaitingEvent } from "#core/turn.ts";

// ---------- lanes ----------

export type LaneKind = "room" | "session" | "out";
/** `room:<room id>`, `session:<key>`, `out:<ghost user id>|<room id>`. Carried by the doorbell, and nothing else is. */
export type LaneId = `${LaneKind}:${string}`;

/** The right to run a lane. Every write of a runner names it; with a fence that is no longer the lane's it writes nothing. */
export interface Lease {
  lane: LaneId;
  fence: number;
}

/** What a lane's work ended with: nothing left, or something that is due later (milliseconds since the epoch). */
export type Idle = { idle: true; dueAtMs?: number };

/** What a lane's work is given. */
export interface Running {
  lease: Lease;
  /** Aborts when the lease was lost: whatever is still done then is written nowhere. */
  lost: AbortSignal;
  /** Resolves at the next ring of this lane. */
  rung(): Promise<void>;
}
export type Work = (running: Running) => Promise<Idle>;

/** Runs a lane until nothing is due, if the lease can be had; says when to come back. One runner per lane in the world. */
export type RunLane = (lane: LaneId) => Promise<Idle>;

/** "Look at this lane." Losing, doubling or reordering rings is harmless. Resolves when the ring is on its way. */
export interface Doorbell {
  ring(lanes: readonly LaneId[]): Promise<void>;
}

// ---------- ledger ----------

export interface DeadLetter {
  kind: "event" | "outbox";
  /** One sentence for the operator. */
  reason: string;
  /** What was given up, as it came, at most 64 KiB of it. */
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
  /** Events read back: placed right after this seq of the same room instead of at the end. */
  afterSeq?: number;
}

/** The verdict as it rests on the event's row. */
export interface Decision {
  /** `join`, `wake`, `stop`, or the reason it was dropped for. */
  reason: string;
  turns: readonly NewTurn[];
  members: readonly Membership[];
  /** Running turns to be stopped. */
  stop: readonly SessionKey[];
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

  // session lane
  /** The oldest open turn of the session, if it is due. */
  currentTurn(lease: Lease, nowMs: number): Promise<Turn | undefined>;
  startAttempt(lease: Lease, turnId: TurnId): Promise<boolean>;
  /** Puts the turn off: it is not due before. */
  postpone(lease: Lease, turnId: TurnId, notBeforeMs: number): Promise<boolean>;
  /** True once for each stop that was asked of this turn. */
  takeStop(lease: Lease): Promise<boolean>;
  /** One atomic batch: the reply on the turn's row and the rows that deliver it. */
  answered(lease: Lease, turnId: TurnId, reply: Reply, rows: readonly OutboxRow[]): Promise<boolean>;
  /** Marks the turn delivered if none of its rows is still open; says whether it is. */
  delivered(lease: Lease, turnId: TurnId): Promise<boolean>;
  /** Finished turns of the session, newest first. */
  transcript(session: SessionKey, limit: number): Promise<Turn[]>;

  // out lane
  freeze(lease: Lease, rows: readonly OutboxRow[]): Promise<boolean>;
  /** What became of a row: undefined when there is none, `eventId` when it was sent. */
  outboxRow(key: string): Promise<{ state: "frozen" | "sent" | "dead"; eventId?: EventId } | undefined>;
  nextOut(lease: Lease): Promise<(StoredOutboxRow & { notBeforeMs: number }) | undefined>;
  ended(lease: Lease, seq: number, end: OutboxEnd): Promise<boolean>;
  retryOut(lease: Lease, seq: number, notBeforeMs: number): Promise<boolean>;

  // agents and ghosts
  agent(id: AgentId): Promise<Agent | undefined>;
  agents(): Promise<Agent[]>;
  setAgents(agents: readonly Agent[], nowMs: number): Promise<void>;
  ghost(userId: UserId): Promise<Ghost | undefined>;
  setGhost(ghost: Ghost): Promise<void>;

  // operator
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
  lane(turn: Turn): LaneId;
  draft(turn: Turn, running: Running, intent: Intent): Draft;
  /** The delivery key of the turn's draft, if it ever had one. */
  draftKey(turn: Turn): string;
  /** What brings the reply: new messages, or with a draft its final edit and whatever did not fit into it. */
  rows(turn: Turn, reply: Reply, draft?: EventId): OutboxRow[];
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
