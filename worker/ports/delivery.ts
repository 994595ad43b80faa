/** Delivery: messages of ours, from an utterance to the outbox row that is sent. */
import type { DeliveryKey } from "#core/message/mark.ts";
import type { Utterance } from "#core/message/utterance.ts";
import type { EventId, RoomId, Speaker, UserId } from "#core/protocol/ids.ts";
import type { LaneId, Lease } from "#core/turn/lane.ts";
import type { Reply, Turn, TurnId } from "#core/turn/turn.ts";
import type { Intent } from "./homeserver.ts";
import type { DeadLetter } from "./operator.ts";

/** A reply while it grows: one message, edited. Everything but the first text is best effort. */
export interface Draft {
  /** Shows a text that grows; `text` gives the whole of it, and is asked before each edit. Returns at once. */
  show(text: () => string): void;
  /** Ends the edits and waits for the one in flight. `stored`: the first text may be stored. */
  close(): Promise<"stored" | "unused">;
}

/** Makes outbox rows. Nothing here sends, except a draft; long replies give way to other work. */
export interface Delivery {
  /** The out lane of a turn's reply. */
  lane(turn: Pick<Turn, "agent" | "roomId">): LaneId;
  /** The row of a notice: a sentence of ours in the name of an agent or the bot. */
  notice(where: NoticePlace, markdown: string): OutboxRow;
  draft(turn: Turn, lease: Lease, intent: Pick<Intent, "send">): Draft;
  /** The delivery key that the turn's draft has, whether or not there is a draft. */
  draftKey(turn: Pick<Turn, "id">): DeliveryKey;
  /** The rows of a reply: new messages, or with a draft its final edit and messages for the text that did not fit. */
  rows(turn: Turn, reply: Reply, draft?: EventId): Promise<OutboxRow[]>;
}

/** Where a notice is sent, and by which speaker. */
export interface NoticePlace {
  agent: Speaker;
  roomId: RoomId;
  threadRoot?: EventId;
  /** Unique over all speakers. A second notice of the same cause is a duplicate, and is not sent. */
  cause: string;
}

/** A plain row: an utterance that the out lane has not frozen to a request yet. */
export interface OutboxRow {
  /** Also the transaction id of the request. */
  key: DeliveryKey;
  lane: LaneId;
  turnId?: TurnId;
  agent: Speaker;
  userId: UserId;
  utterance: Utterance;
}

/** A request as it is sent, and sent again, byte for byte. */
export interface FrozenRequest {
  deviceId: string;
  /** From `/_matrix` on, without the query. */
  path: string;
  /** JSON. */
  body: string;
}

/** An open row of an out lane, plain or frozen. */
export type OpenOutboxRow = Omit<OutboxRow, "utterance"> & {
  seq: number;
  /** How often it was sent without success. */
  attempt: number;
  /** Milliseconds since the epoch. */
  notBeforeMs: number;
  /** How the last attempt failed, in a word of the out lane's, and how often in a row it was the same. */
  refusal?: string;
  refusals: number;
  /** When the prompt was sent that the row's turn answers, in milliseconds since the epoch. */
  askedAtMs?: number;
} & (PlainContent | { frozen: FrozenRequest });

interface PlainContent {
  frozen?: undefined;
  /** The stored utterance (core/message/utterance.ts). */
  plain: string;
  /** The device of the row's user; undefined when that user was not made yet. */
  deviceId?: string;
}

/** The state of a row. `open`: it is plain or frozen. */
export interface OutboxState {
  state: "open" | "sent" | "dead";
  eventId?: EventId;
}

export type OutboxEnd = { state: "sent"; eventId: EventId } | DeadEnd;

/** `heldOthersUp`: the homeserver refused this row, so what waited for it in its session is not late by that. */
interface DeadEnd {
  state: "dead";
  deadLetter: DeadLetter;
  heldOthersUp?: boolean;
}

/** The outbox. Methods with a lease say whether they wrote. */
export interface OutboxLedger {
  /** Stores plain rows; a key that is there already stays as it is. `showing`: the text that people see by these rows. */
  queueOut(lease: Lease, rows: readonly OutboxRow[], showing?: { turnId: TurnId; text: string }): Promise<boolean>;
  /** The state of the row with this key; undefined when there is none. */
  outboxRow(key: DeliveryKey): Promise<OutboxState | undefined>;
  /** The oldest open row of the lane. */
  nextOut(lease: Lease): Promise<OpenOutboxRow | undefined>;
  /** Makes a plain row a frozen one. Never changes a row that is frozen. */
  freezeOut(lease: Lease, seq: number, frozen: FrozenRequest): Promise<boolean>;
  /** Ends an open row as sent or dead. `nowMs` dates its dead letter. */
  endOut(lease: Lease, seq: number, end: OutboxEnd, nowMs: number): Promise<boolean>;
  /**
   * `endOut`, and gives the lane's next row. Where there is none, it releases the lease in the same batch. `isFreed`:
   * turns that waited for this lane wait for a place now.
   */
  endOutAndNext(
    lease: Lease,
    seq: number,
    end: OutboxEnd,
    nowMs: number,
  ): Promise<{ next: OpenOutboxRow | undefined; isReleased: boolean; isFreed: boolean }>;
  /**
   * Counts a failed attempt of an open row and puts it off. `refusal` names the failure: a row counts how often it failed
   * the same way in a row.
   */
  retryOut(lease: Lease, seq: number, notBeforeMs: number, refusal: string): Promise<boolean>;
}
