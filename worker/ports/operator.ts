/** What an operator looks at, and the ledger's upkeep. */
import type { Evidence } from "#core/gate/evidence.ts";
import type { OtherReason, Reason } from "#core/gate/reasons.ts";
import type { AgentId, EventId, RoomId } from "#core/protocol/ids.ts";
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

/** How long what is kept, in milliseconds. */
export interface Retention {
  contentsMs: number;
  eventIdsMs: number;
  turnsMs: number;
}

export interface DeadLetter {
  kind: "event" | "outbox" | "turn";
  /** One sentence for the operator. */
  reason: string;
  /** What was given up, as it came, at most 64 KiB of it; of a turn its id. */
  raw: string;
}

export type StoredDeadLetter = DeadLetter & { id: number; createdAtMs: number };

/** What an operator looks at, and upkeep. */
export interface OperatorLedger {
  verdictOf(eventId: EventId): Promise<StoredVerdict | undefined>;
  /** The latest verdicts of a room on messages, reactions and invitations, newest first. */
  verdictsIn(roomId: RoomId, limit: number): Promise<StoredVerdict[]>;
  /** How often each verdict was given. */
  verdicts(): Promise<Record<string, number>>;
  /** Puts a turn that was given up in line again, under a new id; false when there is none such. */
  replay(turnId: TurnId, newId: TurnId, nowMs: number): Promise<SessionKey | undefined>;
  figures(nowMs: number): Promise<Figures>;
  addDeadLetter(letter: DeadLetter, nowMs: number): Promise<void>;
  deadLetters(limit: number): Promise<StoredDeadLetter[]>;
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
}
