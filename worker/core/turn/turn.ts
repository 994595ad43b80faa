/**
 * A turn: one prompt taken to one reply.
 *
 * ```
 *  queued ──started──▶ running ──answered──▶ answered ──delivered──▶ delivered
 *    │                   │  ▲
 *    │                   └──┘ failed and worth another attempt, or its runner died
 *    │                   └───▶ answered, with an apology as its reply, when it is not
 *    └──▶ delivered without an answer: its prompt was redacted, joined to another turn's, or stopped before it began,
 *         or it was too old to be answered at all and is only context
 * ```
 *
 * Once `answered` is stored no crash asks the backend again: what is left is delivery. What is due next is decided by
 * `step`, from the turn's row alone.
 */
import * as z from "zod/v4";
import type { TurnSettings } from "../configuration/turn-settings.ts";
import type { RoomEvent } from "../protocol/event.ts";
import type { AgentId, EventId, RoomId, UserId } from "../protocol/ids.ts";
import type { ErrorCode } from "./backend.ts";

export type TurnState = "queued" | "running" | "answered" | "delivered";
/** Why a turn has no answer of its agent's: it was given up for a failure, or one of ours. */
export type TurnEnding =
  | ErrorCode
  | "poison"
  | "late"
  | "context"
  | "redacted"
  | "merged"
  | "silent"
  | "stopped"
  | "retired";

/**
 * Deterministic (agent and event), so that a repeated verdict makes no second turn; new ones are [a-z0-9] only, so that
 * they fit a path. Made by the router; ids of older rows are read as they are.
 */
export const TurnId = z.string().min(1).brand<"TurnId">();
export type TurnId = z.infer<typeof TurnId>;
/** `mx.<agent>.<digest>`, made by session.ts; keys of older rows are read as they are. */
export const SessionKey = z.string().min(1).brand<"SessionKey">();
export type SessionKey = z.infer<typeof SessionKey>;

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
  seq: number;
  session: SessionKey;
  agent: AgentId;
  roomId: RoomId;
  threadRoot?: EventId;
  /** Asked in a direct chat. */
  direct: boolean;
  /** How many agents have answered each other before this; 0 for a person's question. */
  hop: number;
  prompt: Prompt;
  /** On our clock when it was said: when we received it, less the age the homeserver measured. */
  askedAtMs: number;
  /** Not due before. */
  notBeforeMs: number;
  state: TurnState;
  /** How often a backend was asked, whatever became of it. */
  attempt: number;
  /** How often a backend failed. */
  failures: number;
  /** What was last shown of an answer that is not whole. */
  shown?: string;
  reply?: Reply;
  ending?: TurnEnding;
}

/** `context`: it is over before it begins; its prompt is remembered, for the turns after it. */
export type NewTurn = Omit<Turn, "seq" | "state" | "attempt" | "failures" | "reply" | "shown" | "ending"> & {
  ending?: "context";
};

/** A stored event on its way through the room lane. */
export interface WaitingEvent {
  seq: number;
  event: RoomEvent;
  /** Our clock when it was stored, in milliseconds. */
  receivedAtMs: number;
}

/** A backend that failed this often is not asked again. */
const FAILURES_MAX = 3;
/** A turn whose runner died this often is taken for the cause. */
const ATTEMPTS_MAX = 20;
const RETRY_MS_MIN = 1_500;
const RETRY_MS_MAX = 60_000;
/** Retries that failed together do not come back together. */
const JITTER = 0.25;

/** What is to be done with the oldest open turn of a session. */
export type Step =
  | { do: "wait"; dueAtMs: number }
  | { do: "deliver" }
  /** Ask the backend. */
  | { do: "attempt" }
  /** What an earlier attempt showed stands, and a line says that there is no more of it. */
  | { do: "complete"; shown: string }
  | { do: "giveUp"; ending: TurnEnding };

export interface StepFacts {
  nowMs: number;
  /** Undefined when the agent is retired. */
  turns: TurnSettings | undefined;
  /** Whether the backend answers a repeated turn id with the same run. */
  idempotent: boolean;
}

export function step(turn: Turn, { nowMs, turns, idempotent }: StepFacts): Step {
  if (turn.notBeforeMs > nowMs) return { do: "wait", dueAtMs: turn.notBeforeMs };
  if (turn.state === "answered") return { do: "deliver" };
  if (!turns) return { do: "giveUp", ending: "retired" };
  // Turns of before this was kept know no such time.
  if (turn.askedAtMs > 0 && nowMs - turn.askedAtMs > turns.replyAge * 1_000) return { do: "giveUp", ending: "late" };
  // Somebody has read the beginning of an answer: another attempt would be another answer.
  if (turn.shown !== undefined && !idempotent) return { do: "complete", shown: turn.shown };
  return turn.attempt >= ATTEMPTS_MAX ? { do: "giveUp", ending: "poison" } : { do: "attempt" };
}

interface Failed {
  retryable: boolean;
  retryAfterMs?: number;
  /** What was shown of the answer by then. */
  shown: string;
}

/**
 * When a backend that failed is asked again; undefined when it is not. `failures` counts this one; `random` is between
 * 0 and 1.
 */
export function retryAt(failed: Failed, failures: number, nowMs: number, random: number): number | undefined {
  if (!failed.retryable || failed.shown.trim() !== "" || failures >= FAILURES_MAX) return undefined;
  const backOff = RETRY_MS_MIN * 2 ** (failures - 1) * (1 + JITTER * random);
  return nowMs + Math.min(Math.max(failed.retryAfterMs ?? 0, backOff), RETRY_MS_MAX);
}
