/** The session lane: turns and the conversations they belong to. */
import type { RoomEvent } from "#core/protocol/event.ts";
import type { AgentId, EventId, RoomId } from "#core/protocol/ids.ts";
import type { LaneId } from "#core/turn/lane.ts";
import type { Reply, SessionKey, Turn, TurnEnding, TurnId } from "#core/turn/turn.ts";
import type { OutboxRow } from "./delivery.ts";
import type { Lease } from "./lanes.ts";
import type { DeadLetter } from "./operator.ts";

/** `interrupt`: a newer message takes over; what waits is not concerned. */
export type ControlKind = "stop" | "interrupt";

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

/** Turns from queued to delivered, and what a turn is told. */
export interface TurnLedger {
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
  /** Takes a token of each bucket, or of none; then how long to wait for the emptiest, in milliseconds. */
  takeTokens(wanted: readonly Bucket[], nowMs: number): Promise<number>;
  returnTokens(taken: readonly Bucket[]): Promise<void>;
}

/** The conversations of a room, and what was said around a prompt. */
export interface SessionLedger {
  /** Sessions of these agents with an unanswered turn in the room or thread; outside of threads also where it begins one. */
  openSessions(roomId: RoomId, threadRoot: EventId | undefined, agents: readonly AgentId[]): Promise<SessionKey[]>;
  /** Sessions of these agents with an unanswered turn in the room that was asked by this event, or that shows itself in it. */
  openSessionsAt(eventId: EventId, roomId: RoomId, agents: readonly AgentId[]): Promise<SessionKey[]>;
  /** Sessions of the room with an unanswered turn, whatever the thread or the agent. */
  openSessionsIn(roomId: RoomId): Promise<SessionKey[]>;
  /** How many turns of a session are open, and the oldest of them. */
  waitingIn(session: SessionKey): Promise<{ count: number; oldest?: TurnId }>;
  /** Which epoch a conversation is in: the seq of the event that began it anew, 0 before. `base` is the key of epoch 0. */
  epoch(base: SessionKey): Promise<number>;
  beginEpoch(base: SessionKey, epoch: number): Promise<void>;
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
}
