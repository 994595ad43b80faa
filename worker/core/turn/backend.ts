/**
 * The contract between Troupe and backends: one request in, one stream of events out.
 *
 * `TurnEvent` is a strict structural subset of the AI SDK's `UIMessageChunk`; a test holds it to that, no runtime
 * import does. `backends/backend.contract.ts` is the suite every backend passes.
 */
import type { Json } from "../protocol/event.ts";
import type { Learnt } from "./learnt.ts";

/** Files will be further members of this union. */
export type InputPart = { type: "text"; text: string };

export interface InputMessage {
  role: "user" | "assistant";
  /** The Matrix event id; for an assistant's message the turn id. */
  id: string;
  parts: InputPart[];
  sender?: { userId: string };
  /** Milliseconds since the epoch. */
  ts: number;
}

export interface SessionRef {
  /** Stable, [A-Za-z0-9_.-], at most 128 characters. Contains no room id, because other systems log it. */
  key: string;
  scope: "room" | "thread" | "dm";
}

export interface TurnRequest {
  /** The idempotency key: the same on every attempt of the same turn. */
  turnId: string;
  agentId: string;
  /** The agent's display name. */
  agentName: string;
  session: SessionRef;
  kind: "message";
  /** The operator's instructions for the agent at this place, beside the backend's own; may be empty. */
  instructions: string;
  /**
   * The place of the input and the messages around it. It quotes strangers, so it belongs with the input and never among
   * the instructions. May be empty.
   */
  context: string;
  /** Overrides the backend's own model; empty for that one. */
  model: string;
  /** The new messages, oldest first; at least one, each with its sender. */
  input: InputMessage[];
  /** Earlier messages of the session, oldest first. Called only by backends whose `capabilities.history` is `client`. */
  history(): Promise<InputMessage[]>;
  room: { id: string; direct: boolean; threadRoot?: string };
}

export interface TurnMeta {
  /** The backend's own reference to this run, JSON. */
  run?: Json;
  model?: string;
  usage?: { inputTokens?: number; outputTokens?: number; totalTokens?: number };
}

export type ErrorCode =
  | "auth"
  | "rate_limit"
  | "busy"
  /** The model is not in memory yet, and the backend's patience is used up. */
  | "loading"
  /** Credit, budget or a quota is used up: asking again soon is no use. */
  | "quota"
  | "bad_request"
  /** The server does not support a part of the request. */
  | "unsupported"
  /** The request is longer than the model can read. */
  | "context_length"
  | "unsupported_input"
  /** The server does not know the model. */
  | "not_found"
  /** At the address there is no such API. */
  | "bad_address"
  /** A filter kept the question or the answer back. */
  | "filtered"
  /** The model declines to answer. */
  | "refused"
  /** The limit for an answer's length was reached before there was any text. */
  | "length_limit"
  /** The model called a tool that was not offered, and said nothing. */
  | "tool_call"
  | "not_configured"
  | "upstream"
  | "timeout"
  | "disconnected"
  | "agent"
  | "unknown";

export type FinishReason = "stop" | "length" | "content-filter" | "tool-calls" | "error" | "interrupted" | "other";

export type TurnEvent =
  | { type: "start"; messageId?: string; messageMetadata?: TurnMeta }
  | { type: "message-metadata"; messageMetadata: TurnMeta }
  | { type: "text-start"; id: string }
  | { type: "text-delta"; id: string; delta: string }
  | { type: "text-end"; id: string }
  | { type: "reasoning-start"; id: string }
  | { type: "reasoning-delta"; id: string; delta: string }
  | { type: "reasoning-end"; id: string }
  | { type: "start-step" }
  | { type: "finish-step" }
  /** Drops the text since the last `start-step`. */
  | { type: "reset-step" }
  /** `errorText` is logged, and never sent to a room. */
  | { type: "error"; errorText: string; code: ErrorCode; status?: number; retryable: boolean; retryAfterMs?: number }
  | { type: "abort"; reason?: string }
  | { type: "finish"; finishReason: FinishReason; messageMetadata?: TurnMeta };

export interface BackendCapabilities {
  /** Where the transcript is kept: in the ledger (`client`) or by the backend itself (`server`). */
  history: "client" | "server";
  /** The backend reads `TurnRequest.context`. */
  context: boolean;
  streaming: boolean;
  reasoning: boolean;
  cancel: "disconnect" | "request" | "none";
  /** The backend answers a repeated `turnId` with the same run. */
  idempotent: boolean;
}

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export interface TurnContext {
  signal: AbortSignal;
  fetch: Fetch;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after this many milliseconds, or at once when `signal` aborts; never rejects. */
  sleep(ms: number): Promise<void>;
  /** How long the first text may take in all, in milliseconds. Then the turn is stopped. */
  patienceMs: number;
  /** What is known of the backend's server, from earlier turns. */
  learnt: Learnt;
  /** Keeps what was found out about it. Never rejects. */
  learn(learnt: Learnt): Promise<void>;
  /** The value of a `$NAME` in the operator's environment; undefined when it is not set or may not be used. */
  env(name: string): string | undefined;
}

export interface Backend {
  readonly capabilities: BackendCapabilities;
  /**
   * The stream of one turn. First event `start`; exactly one ending: `finish`, `abort`, or `error` followed by
   * `finish` with reason `error`. Ends within 2 s of an abort of `context.signal`. Never throws.
   */
  startTurn(request: TurnRequest, context: TurnContext): AsyncIterable<TurnEvent>;
}
