/** Delivery: what is said in a room, and the rows that bring it there. */
import type { AgentId, EventId, RoomId, Speaker, UserId } from "#core/protocol/ids.ts";
import type { LaneId } from "#core/turn/lane.ts";
import type { Reply, Turn, TurnId } from "#core/turn/turn.ts";
import type { Intent } from "./homeserver.ts";
import type { Lease, Running } from "./lanes.ts";
import type { DeadLetter } from "./operator.ts";

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
  agent: Speaker;
  roomId: RoomId;
  threadRoot?: EventId;
  cause: string;
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

/** Rows of the outbox: what must arrive, and what became of it. */
export interface OutboxLedger {
  /** `showing`: what of its turn's answer can be seen with these rows. */
  freeze(lease: Lease, rows: readonly OutboxRow[], showing?: { turnId: TurnId; text: string }): Promise<boolean>;
  /** What became of a row: undefined when there is none, `eventId` when it was sent. */
  outboxRow(key: string): Promise<{ state: "frozen" | "sent" | "dead"; eventId?: EventId } | undefined>;
  /** `askedAtMs`: when the question was asked that this is a part of the reply to. */
  nextOut(lease: Lease): Promise<(StoredOutboxRow & { notBeforeMs: number; askedAtMs?: number }) | undefined>;
  ended(lease: Lease, seq: number, end: OutboxEnd): Promise<boolean>;
  retryOut(lease: Lease, seq: number, notBeforeMs: number): Promise<boolean>;
}
