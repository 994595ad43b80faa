/**
 * A turn: one prompt taken to one reply.
 *
 * ```
 *  queued ──startAttempt──▶ running ──storeAnswer──▶ answered ──markDelivered──▶ delivered
 *    ▲                        │  ▲                                                   │
 *    │                        └──┘ failed and worth another attempt, or its          │
 *    │                        │    runner died                                       │
 *    │                        └───▶ answered with an apology, when no further        │
 *    │                              attempt is worth it                              │
 *    └───────────────────────────── replay, for a turn that was given up ────────────┘
 *
 *  queued ──▶ delivered without a reply: its prompt was redacted, it was merged into an earlier turn, it was stopped
 *             before it began, or it was too old to be answered and is kept as context
 *  merged ──▶ queued again, when the prompt of the turn it was merged into is redacted before that turn begins
 * ```
 *
 * Once a turn is `answered` its backend is never asked again, whatever crashes: only delivery is left. `step` says what
 * is due next, from the turn's row alone.
 */

import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import type { TurnSettings } from "../configuration/turn-settings.ts";
import type { ReplyPart } from "../message/utterance.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { AgentId, EventId, RoomId, UserId } from "../protocol/ids.ts";
import { spread } from "./back-off.ts";
import type { ErrorCode } from "./backend.ts";
import { isDue } from "./clocks.ts";

const TURN_STATES = ["queued", "running", "answered", "delivered"] as const;
export type TurnState = (typeof TURN_STATES)[number];
/** Why a turn ended without the agent's answer: the backend's error, or a reason of ours. */
export type TurnEnding =
  | ErrorCode
  | "poison"
  | "late"
  | "context"
  | "redacted"
  | "merged"
  | "silent"
  | "stopped"
  | "retired"
  | "unreadable";

/**
 * Deterministic (agent and event), so that a repeated verdict makes no second turn; new ones are [a-z0-9] only, so that
 * they fit a path. Made by the router; ids of older rows are read as they are.
 */
export const TurnId = z.string().min(1).brand<"TurnId">();
export type TurnId = z.infer<typeof TurnId>;
/** `mx.<agent>.<digest>`, made by session.ts; keys of older rows are read as they are. */
export const SessionKey = z.string().min(1).brand<"SessionKey">();
export type SessionKey = z.infer<typeof SessionKey>;

/** The ids and words in a turn's row. */
export const TurnNames = z.object({
  id: TurnId,
  session: SessionKey,
  agent: AgentId,
  roomId: RoomId,
  threadRoot: EventId.nullable(),
  eventId: EventId,
  sender: UserId,
  state: z.enum(TURN_STATES),
  replyKind: z.enum(["reply", "notice"]).nullable(),
});

/** A part of a prompt. Files will be further members of this union. */
export type PromptPart = { type: "text"; text: string };

/** One message that asks an agent. */
export interface Prompt {
  eventId: EventId;
  sender: UserId;
  parts: readonly PromptPart[];
  /** Milliseconds since the epoch, on the homeserver's clock: for people and transcripts, never for a decision. */
  sentAtMs: number;
}

/** A reply to be delivered. `reply`: the agent speaks. `notice`: we speak in its name (an apology). */
export interface Reply {
  kind: "reply" | "notice";
  parts: readonly ReplyPart[];
}

export interface Turn {
  id: TurnId;
  seq: number;
  session: SessionKey;
  agent: AgentId;
  roomId: RoomId;
  threadRoot?: EventId;
  /** The prompt came from a direct chat. */
  direct: boolean;
  /** How many agents have answered each other before this; 0 for a person's question. */
  hop: number;
  /** The message that made this turn. */
  prompt: Prompt;
  /** The prompt was taken back: its text is gone, and no backend is asked it any more. */
  redacted?: true;
  /** Later messages that were merged into this turn, oldest first. */
  merged: readonly Prompt[];
  /** When the prompt was sent, on our clock: when we received it, less the age the homeserver measured. */
  askedAtMs: number;
  /** What it waits for beside its time: a token of the bucket with this key, a place, or that messages are sent. */
  waitsFor?: string;
  /** The turn is not due before; milliseconds since the epoch. */
  notBeforeMs: number;
  state: TurnState;
  /** How often a backend was asked, whatever became of it. */
  attempt: number;
  /** How often a backend failed. */
  failures: number;
  /** The last text that was shown of an unfinished answer. */
  shown?: string;
  reply?: Reply;
  ending?: TurnEnding;
}

/** `ending: context`: the turn is never begun, its prompt is only history for later turns. */
export type NewTurn = Omit<
  Turn,
  "seq" | "merged" | "state" | "attempt" | "failures" | "reply" | "shown" | "ending" | "waitsFor" | "redacted"
> & {
  ending?: "context";
  /** The people for whom an agent asks; undefined where the sender asks for themselves. */
  onBehalfOf?: readonly UserId[];
};

/** The messages of the turn, oldest first. */
export const promptsOf = ({ prompt, merged }: Pick<Turn, "prompt" | "merged">): Prompt[] => [prompt, ...merged];

/** The messages that a backend is asked: those that were not taken back. */
export const askedIn = ({ prompt, merged, redacted }: Pick<Turn, "prompt" | "merged" | "redacted">): Prompt[] =>
  redacted ? [...merged] : [prompt, ...merged];

/** A text as the only part of a prompt. */
export const textPrompt = (text: string): PromptPart[] => [{ type: "text", text }];

/** A Markdown text as the only part of a reply. */
export const textReply = (kind: Reply["kind"], markdown: string): Reply => ({
  kind,
  parts: [{ type: "text", markdown }],
});

/** The text of a prompt's parts. */
export const textOf = (parts: readonly PromptPart[]): string => parts.map(({ text }) => text).join("\n\n");

/** The Markdown of a reply's parts. */
export const markdownOf = (parts: readonly ReplyPart[]): string => parts.map(({ markdown }) => markdown).join("\n\n");

/** A stored event on its way through the room lane. */
export interface WaitingEvent {
  seq: number;
  event: RoomEvent;
  /** Our clock when it was stored, in milliseconds. */
  receivedAtMs: number;
  /** How often its handling failed. */
  failures: number;
  /** Its handling is not tried again before; milliseconds since the epoch. */
  notBeforeMs: number;
  /** How far an earlier run has come with it, as the router wrote it. */
  progress?: string;
}

const RETRY_MS_MIN = 1_500;

/** The next step of a session's oldest open turn. */
export type Step =
  | { do: "wait"; dueAtMs: number }
  | { do: "deliver" }
  /** Ask the backend. */
  | { do: "attempt" }
  /** Keep the text that an earlier attempt showed, and add a line that says that the answer was interrupted. */
  | { do: "complete"; shown: string }
  | { do: "giveUp"; ending: TurnEnding };

export interface StepFacts {
  nowMs: number;
  /** Undefined when the agent is retired. */
  turns: TurnSettings | undefined;
  /** The backend answers a repeated turn id with the same run. */
  idempotent: boolean;
}

/** Decides the next step of a turn. */
export function step(turn: Turn, { nowMs, turns, idempotent }: StepFacts): Step {
  if (!isDue(turn.notBeforeMs, nowMs, longestWaitMs(turn))) return { do: "wait", dueAtMs: turn.notBeforeMs };
  if (turn.state === "answered") return { do: "deliver" };
  if (!turns) return { do: "giveUp", ending: "retired" };
  // Rows from before migration 0001 have `askedAtMs` 0.
  if (turn.askedAtMs > 0 && nowMs - turn.askedAtMs > turns.replyAge * 1_000) return { do: "giveUp", ending: "late" };
  if (askedIn(turn).length === 0) return withoutPrompt(turn);
  // People have read the beginning of an answer, and another attempt would give another answer.
  if (turn.shown !== undefined && !idempotent) return { do: "complete", shown: turn.shown };
  return turn.attempt >= BOUNDS.turnAttempts.max ? { do: "giveUp", ending: "poison" } : { do: "attempt" };
}

/** A turn that waits for its time has a pause; one that waits for something else may wait longer. */
const longestWaitMs = ({ waitsFor }: Turn): number =>
  waitsFor === undefined || waitsFor === "time" ? BOUNDS.pauseAhead.max : BOUNDS.waitAhead.max;

/** The turn had begun when its prompt was taken back: what people have read of its answer is completed. */
const withoutPrompt = ({ shown }: Turn): Step =>
  shown === undefined ? { do: "giveUp", ending: "redacted" } : { do: "complete", shown };

interface Failed {
  retryable: boolean;
  retryAfterMs?: number;
  /** The text that was shown of the answer. */
  shown: string;
}

/**
 * When to ask a backend again that failed, in milliseconds since the epoch; undefined for never. `failures` includes this
 * failure; `random` is between 0 and 1.
 */
export function retryAt(failed: Failed, failures: number, nowMs: number, random: number): number | undefined {
  if (!failed.retryable || failed.shown.trim() !== "" || failures >= BOUNDS.backendFailures.max) return undefined;
  const backOff = Math.max(failed.retryAfterMs ?? 0, RETRY_MS_MIN * 2 ** (failures - 1));
  return nowMs + spread(backOff, random, BOUNDS.turnRetryPause.max);
}
