/**
 * A turn: one prompt taken to one reply.
 *
 * ```
 *  queued ──started──▶ running ──answered──▶ answered ──delivered──▶ delivered
 *                        │  ▲
 *                        └──┘ failed and worth another attempt (attempt + 1)
 *                        └───▶ answered, with an apology as its reply, when it is not
 * ```
 *
 * Once `answered` is stored no crash asks the backend again: what is left is delivery.
 */
import type { RoomEvent } from "./protocol/event.ts";
import type { AgentId, EventId, RoomId, UserId } from "./protocol/ids.ts";

export type TurnState = "queued" | "running" | "answered" | "delivered";

/** Deterministic (agent and event), so that deciding twice makes one turn, and [a-z0-9] only, so that it fits a path. */
export type TurnId = string;
/** `mx.<agent>.<hash of room and thread>`, see session.ts. */
export type SessionKey = string;

export interface Prompt {
  eventId: EventId;
  sender: UserId;
  text: string;
  /** Milliseconds since the epoch, on the homeserver's clock: for people and transcripts, never for a decision. */
  sentAtMs: number;
}

/** What is to be delivered, frozen with the answer. `kind: notice` is us speaking (an apology), `reply` the agent. */
export interface Reply {
  kind: "reply" | "notice";
  markdown: string;
}

export interface Turn {
  id: TurnId;
  session: SessionKey;
  agent: AgentId;
  roomId: RoomId;
  threadRoot?: EventId;
  /** True in a room of two. */
  direct: boolean;
  prompt: Prompt;
  state: TurnState;
  attempt: number;
  reply?: Reply;
}

export type NewTurn = Omit<Turn, "state" | "attempt" | "reply">;

/** A stored event on its way through the room lane. */
export interface WaitingEvent {
  seq: number;
  event: RoomEvent;
  /** Our clock when it was stored, in milliseconds. */
  receivedAtMs: number;
}

export const ATTEMPTS_MAX = 3;
