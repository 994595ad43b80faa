/** The room lane: pushed events, the facts the gate needs, and verdicts. */
import type { PairCount } from "#core/access/pair-guard.ts";
import type { Grounds } from "#core/gate/evidence.ts";
import type { Present, RoomFacts, SenderFacts } from "#core/gate/facts.ts";
import type { MembershipKind } from "#core/gate/needs.ts";
import type { ThreadChange } from "#core/gate/threads.ts";
import type { DeliveryKey } from "#core/message/mark.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, AgentKey, EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { RoomState } from "#core/protocol/room-state.ts";
import type { Lease } from "#core/turn/lane.ts";
import type { NewTurn, SessionKey, WaitingEvent } from "#core/turn/turn.ts";
import type { OutboxRow } from "./delivery.ts";
import type { DeadLetter } from "./operator.ts";
import type { ControlKind } from "./turns.ts";

/** A push, or events that were read back. */
export interface Intake {
  events: readonly RoomEvent[];
  deadLetters: readonly DeadLetter[];
  /** Our clock, milliseconds since the epoch. */
  nowMs: number;
  /** The transaction, where its id is a number. Where it is lower than the one before, `mark` is set to "due". */
  counted?: { transaction: number; mark: string };
  /**
   * Events read back rather than pushed: the ids of all that was read, known ones too, oldest first. Each event is placed
   * right after the nearest known one before it, as it is known at that moment. Events older than all known ones are
   * history, and are not stored.
   */
  among?: readonly EventId[];
}

/** An event's verdict, with everything that is stored together with it. */
export interface Settled extends Grounds {
  turns: readonly NewTurn[];
  members: readonly Membership[];
  /** Controls for running turns: for those asked before this event, and no later ones. */
  controls: readonly { session: SessionKey; kind: ControlKind }[];
  /** A redacted prompt: its turns end where they have not begun. */
  redacted?: EventId;
  /** Our own event came back: this row was sent, even if the homeserver's answer was lost. */
  confirmed?: Confirmation;
  /** Messages of ours that the verdict sends. */
  notices: readonly OutboxRow[];
  /** The agent the verdict is about. */
  about?: AgentId;
  /** The change the event makes to the room's state. */
  state?: Partial<RoomState>;
  /** The pair guard's new counts for the sender, by agent. */
  pairs?: readonly { agent: AgentId; count: PairCount }[];
  thread?: ThreadChange;
  /** The dead letter of an event that is given up. */
  deadLetter?: DeadLetter & { atMs: number };
}

/** The verdict of an event that has no other effect. */
export interface IgnoredEvent extends Grounds {
  seq: number;
  about?: AgentId;
}

/** The result of the last write of a room lane's batch, and the work that follows. */
export interface RoomProgress {
  isWritten: boolean;
  /** At most `BOUNDS.eventsAtOnce` of them. */
  next: readonly WaitingEvent[];
  isReleased: boolean;
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

/** An invitation that the gate accepts. */
export interface Admission {
  eventId: EventId;
  /** A local user, or the server of another one. */
  inviter: string;
  /** The invited user. */
  userId: UserId;
  /** The family that the invited agent is a member of. */
  family?: AgentKey | undefined;
  nowMs: number;
}

/** How many invitations are accepted, and accounts made for them; 0 means no limit. */
export interface InvitationLimits {
  /** Invitations of one inviter in an hour. */
  anInviter: number;
  /** Accounts of one family, and of all families, in an hour. */
  aFamily: number;
  families: number;
  /** Accounts of one family in all. */
  members: number;
}

/** The input of a look-up of sender facts. */
export interface SenderQuery {
  sender: UserId;
  target?: EventId | undefined;
  threadRoot?: EventId | undefined;
  /** The delivery key in the event's mark. */
  ownKey?: DeliveryKey | undefined;
  /** Texts that could repeat a reply of an agent in a room of three users or more, said since `sinceMs` (epoch). */
  echo?: { texts: readonly string[]; sinceMs: number } | undefined;
}

/** Pushed events, facts about rooms and senders, and verdicts. */
export interface RoomLedger {
  /** Stores a push in one atomic batch, idempotent; returns the rooms of those pushed events that have no verdict yet. */
  accept(intake: Intake): Promise<RoomId[]>;
  /** The room's oldest events without a verdict. */
  nextEvents(lease: Lease, limit: number): Promise<WaitingEvent[]>;
  /** Puts the handling of an event off until `notBeforeMs`. A `failure` is counted, an outage is not. */
  putOffEvent(
    lease: Lease,
    event: Pick<WaitingEvent, "seq">,
    notBeforeMs: number,
    because: "failure" | "outage",
  ): Promise<boolean>;
  /** Stores how far the work on an event has come, with the messages it has brought. Its failures until now count no more. */
  storeProgress(
    lease: Lease,
    event: Pick<WaitingEvent, "seq">,
    progress: string,
    notices: readonly OutboxRow[],
  ): Promise<boolean>;
  /** The facts of a room; those of an unknown one where nothing is stored. */
  room(roomId: RoomId): Promise<RoomFacts>;
  /**
   * The agents of a crowded room that an event could concern: those named by user id or by (lower-case) name, those that
   * listen to everything, and those the room's layer names, at most 20 of each.
   */
  presentIn(roomId: RoomId, named: readonly UserId[], name: string | undefined): Promise<Present[]>;
  /** Facts about a sender in a room. */
  sender(roomId: RoomId, query: SenderQuery): Promise<SenderFacts>;
  /** The facts of `room` and `sender` in one read. */
  eventFacts(roomId: RoomId, query: SenderQuery): Promise<{ room: RoomFacts; sender: SenderFacts }>;
  /** True when a user other than ours and `apart` is joined or invited, as far as we know. */
  hasPeople(roomId: RoomId, apart: string | undefined): Promise<boolean>;
  /** The joined users of a room that one of ours was invited to as to a direct chat, at most 4; none of other rooms. */
  joinedInDirectChat(roomId: RoomId): Promise<UserId[]>;
  /** A page of our joined users, after this user id. The bot and ghosts of retired agents are included. */
  ghostsIn(roomId: RoomId, after: string, limit: number): Promise<UserId[]>;
  /** A room replaced by this one in which the user still is; `claimed`: this room and no other. Anybody's room may say it. */
  replacedBy(roomId: RoomId, userId: UserId, claimed?: RoomId): Promise<RoomId | undefined>;
  /** Counts an accepted invitation, once; gives the limit that is reached, where it is not to be accepted. */
  admit(admission: Admission, limits: InvitationLimits): Promise<keyof InvitationLimits | undefined>;
  /** Stores a verdict with everything it settles, in one atomic batch. */
  settle(lease: Lease, event: WaitingEvent, settled: Settled): Promise<boolean>;
  /** Stores verdicts that have no other effect, in one batch; true when all of them were written. */
  ignore(lease: Lease, ignored: readonly IgnoredEvent[]): Promise<boolean>;
  /** `settle`, and gives the room's next events. Where there are none, it releases the lease in the same batch. */
  settleAndNext(lease: Lease, event: WaitingEvent, settled: Settled): Promise<RoomProgress>;
  /** `ignore`, likewise. */
  ignoreAndNext(lease: Lease, ignored: readonly IgnoredEvent[]): Promise<RoomProgress>;
  /** The place behind all events that are stored: what is read from the homeserver from now on is not older. */
  latestPlace(): Promise<number>;
  /**
   * Stores the state of a room as read from the homeserver. `readAt` is the latest place when the reading began, by default
   * now: what was settled of later events stays.
   */
  setState(roomId: RoomId, state: RoomState, readAt?: number): Promise<void>;
  /** Stores that the event with this seq names the room that replaces this one, ahead of its verdict. */
  setReplacement(roomId: RoomId, replacement: RoomId, seq: number): Promise<void>;
  /** Carries a room's settings, and how its agents were invited, over to the room that replaced it. Idempotent. */
  succeed(from: RoomId, to: RoomId): Promise<void>;
  /** Stores the whole membership of a room, likewise; marks of direct chats are kept. */
  setMembers(roomId: RoomId, members: readonly Membership[], readAt?: number): Promise<void>;
}
