/** What rooms need from each other and from a host. A room imports these, never another room. */
import type { Agent, BackendSpec } from "#core/agent.ts";
import type { Backend, Fetch } from "#core/backend.ts";
import type { Json, JsonObject } from "#core/protocol/event.ts";
import type { AgentId, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Result } from "#core/result.ts";
import type { Reply, Turn } from "#core/turn.ts";

import type { LaneId, Lease, OutboxRow } from "./ports/ledger.ts";

export type {
  Bucket,
  Confirmation,
  ControlKind,
  DeadLetter,
  Decided,
  Decision,
  Figures,
  Ghost,
  Intake,
  Lack,
  LaneId,
  LaneKind,
  Lease,
  Ledger,
  Membership,
  OutboxEnd,
  OutboxRow,
  Pairing,
  Present,
  Retention,
  RoomLook,
  SenderAsked,
  SenderLook,
  StoredDeadLetter,
  StoredOutboxRow,
  TurnCaps,
} from "./ports/ledger.ts";

// ---------- lanes ----------

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
  join(roomId: RoomId, via?: readonly string[]): Promise<Answer>;
  leave(roomId: RoomId, reason?: string): Promise<Answer>;
  /** One state event's content with an empty state key; an error with status 404 where there is none. */
  state(roomId: RoomId, type: string, format?: "event"): Promise<Answer>;
  setState(roomId: RoomId, type: string, stateKey: string, content: JsonObject): Promise<Answer>;
  /** The room an alias means. */
  resolveAlias(alias: string): Promise<Answer>;
  /** One event of a room. */
  event(roomId: RoomId, eventId: EventId): Promise<Answer>;
  typing(roomId: RoomId, on: boolean, timeoutMs: number): Promise<Answer>;
  joinedMembers(roomId: RoomId): Promise<Result<UserId[], HomeserverError>>;
  /** Newest first; `next` undefined at the beginning of the room. `events` are as raw as they came. */
  messagesBack(roomId: RoomId, from?: string): Promise<Result<{ events: Json[]; next?: string }, HomeserverError>>;
}

/** Ghosts as Matrix users: made on demand, each once. */
export interface Ghosts {
  /** Registers the ghost, its device, its profile, whatever of it is missing; then an intent bound to it. */
  intent(agent: Pick<Agent, "id" | "name" | "avatar">): Promise<Result<Intent, HomeserverError>>;
  /** The bot's own. */
  bot(): Promise<Result<Intent, HomeserverError>>;
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
  /** Undefined: the bot. */
  agent: AgentId | undefined;
  roomId: RoomId;
  threadRoot?: EventId;
  cause: string;
}

// ---------- backends ----------

export interface Backends {
  /** Checks an agent's settings for a backend; the sentence says what to mend. */
  check(spec: BackendSpec): Result<Backend, string>;
}

/** Keeps what nobody may read in an agent's backend: sealed in the ledger, open only for whoever uses it. */
export interface SecretVault {
  /**
   * As the ledger may keep it. `agent` is the id it is written under, a family's with its `*`; `stored` is what the
   * ledger keeps of it by now. The sentence says what to mend, and never repeats a value.
   */
  seal(given: BackendSpec, agent: string, stored?: BackendSpec): Promise<Result<BackendSpec, string>>;
  /** As the backend needs it. `agent` is the id it is written under, or that of a family's member. */
  open(sealed: BackendSpec, agent: string): Promise<Result<BackendSpec, string>>;
  /** As it may be shown. */
  masked(spec: BackendSpec): BackendSpec;
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
