/** Verdicts, figures and dead letters for the operator, and the upkeep of the ledger. */
import type { Evidence } from "#core/gate/evidence.ts";
import type { OtherReason, Reason } from "#core/gate/reasons.ts";
import type { AgentId, AgentKey, EventId, RoomId } from "#core/protocol/ids.ts";
import type { SessionKey, TurnId } from "#core/turn/turn.ts";

/** An event's verdict as it is stored. */
export interface StoredVerdict {
  eventId: EventId;
  roomId: RoomId;
  /** Undefined while the event waits. */
  verdict?: Reason | OtherReason;
  /** Undefined where there is none, and for verdicts of older versions. */
  evidence?: Evidence;
  /** The agent the verdict is about. */
  about?: AgentId;
  receivedAtMs: number;
}

/** Figures for `/health` and `/metrics`. Times are our clock's, in milliseconds since the epoch. */
export interface Figures {
  lastTransactionAtMs?: number;
  undecidedEvents: number;
  openTurns: number;
  runningTurns: number;
  outboxRows: number;
  /** The largest number of waiting messages of one agent in one room. */
  outboxDepth: number;
  /** Age of the oldest question whose reply is not delivered, in milliseconds. */
  outboxAgeMs: number;
  deadLetters: number;
  /** Rows that cannot be read, as the last search found them; at least 1 where one was met since. */
  unreadableRows: number;
}

/** How long rows are kept, in milliseconds. */
export interface Retention {
  contentsMs: number;
  eventIdsMs: number;
  turnsMs: number;
}

/** What one step of the forgetting did. */
export interface Forgotten {
  /** How many rows were deleted or emptied. */
  touched: number;
  /** The next step; undefined when there is nothing left to forget for now. */
  next?: number;
}

export interface DeadLetter {
  kind: "event" | "outbox" | "turn";
  /** One sentence for the operator. */
  reason: string;
  /** The event or message as it was, at most 64 KiB of it. For a turn, its id. */
  raw: string;
}

export type StoredDeadLetter = DeadLetter & { id: number; createdAtMs: number };

/** A stored row that this version cannot read. */
export interface UnreadableRow {
  table: string;
  /** The row's primary key. */
  key: string;
  /** What is wrong with it, without any value of it. */
  wrong: string;
}

/** A row that `troupe repair` found, and what it would do with it. */
export interface DamagedRow extends UnreadableRow {
  /** Names the row for `mend`. */
  id: string;
  /** What becomes of it now: a sentence. */
  now: string;
}

/** A part of the search for damaged rows. */
export interface SearchedRows {
  rows: DamagedRow[];
  /** Where the search goes on; undefined at its end. */
  next?: string;
}

/** What became of a damaged row. */
export interface MendedRow extends UnreadableRow {
  id: string;
  /** What it is now: a sentence. */
  after: string;
  /** The room whose state has to be read from the homeserver for it. */
  reread?: RoomId;
}

export interface OperatorLedger {
  /**
   * Looks for rows that cannot be read: at a bounded number of rows, from where the last call ended. `quick` leaves out the
   * tables that are large and harmless.
   */
  searchDamaged(from: string | undefined, extent: "all" | "quick"): Promise<SearchedRows>;
  /** Stores how many rows a whole search has found. */
  countDamaged(count: number): Promise<void>;
  /** Mends a row; undefined where it can be read. */
  mendDamaged(id: string, nowMs: number): Promise<MendedRow | undefined>;
  /** The rows that were found unreadable since the last call, each at most once an hour. */
  takeNoted(nowMs: number): UnreadableRow[];
  /** The verdict of an event; undefined when the event is unknown. */
  verdictOf(eventId: EventId): Promise<StoredVerdict | undefined>;
  /** The verdicts on the latest messages, reactions and invitations of a room, newest first. */
  verdictsIn(roomId: RoomId, limit: number): Promise<StoredVerdict[]>;
  /** How often each verdict was given. */
  verdicts(): Promise<Record<string, number>>;
  /** Queues a turn that was given up again, under a new id. Undefined when there is no such turn. */
  replay(turnId: TurnId, newId: TurnId, nowMs: number): Promise<SessionKey | undefined>;
  /** Each kind of row is counted up to `countMax`, so that the cost does not grow with what is stored. */
  figures(nowMs: number, countMax?: number): Promise<Figures>;
  /** Writes as much as a large transaction does, and keeps none of it. Rejects where that cannot be stored. */
  tryWrite(nowMs: number): Promise<void>;
  addDeadLetter(letter: DeadLetter, nowMs: number): Promise<void>;
  /** Newest first; with an id, only those before it. */
  deadLetters(limit: number, beforeId?: number): Promise<StoredDeadLetter[]>;
  /** Why a turn of the agent, or of a family's member, was given up last; undefined where none was, as far as is kept. */
  lastFailure(agent: AgentKey): Promise<Pick<StoredDeadLetter, "reason" | "createdAtMs"> | undefined>;
  /** A named value of recurring work; undefined before it was set. */
  mark(name: string): Promise<string | undefined>;
  setMark(name: string, value: string): Promise<void>;
  /** Sets a mark to another value where it still has this one. */
  swapMark(name: string, from: string, to: string): Promise<boolean>;
  /** Forgets what has been kept long enough, a bounded number of rows in each call. `step`: 0, then what the last one said. */
  prune(nowMs: number, keep: Retention, step?: number): Promise<Forgotten>;
  /** The known ones among these events, with their places in the order of storage. */
  known(eventIds: readonly EventId[]): Promise<Map<string, number>>;
  /** The rooms with the latest events, most recent first; with `sinceMs` (epoch) only events received since count. */
  activeRooms(limit: number, sinceMs?: number): Promise<RoomId[]>;
  /** Rooms that an agent has joined, ordered by id, after this one. */
  roomsAfter(roomId: string, limit: number): Promise<RoomId[]>;
}
