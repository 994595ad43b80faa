/** The homeserver as our users see it, and the users we have there. */
import type { Agent } from "#core/configuration/agent.ts";
import type { Request, RequestBody } from "#core/protocol/client/request.ts";
import type { HomeserverError } from "#core/protocol/errcode.ts";
import type { UserId } from "#core/protocol/ids.ts";
import type { Result } from "#core/result.ts";

export type Answer<Value> = Result<Value, HomeserverError>;

/** The client–server API bound to one acting user and its device. */
export interface Intent {
  readonly userId: UserId;
  readonly deviceId: string;
  /** Sends the request with `user_id` and `device_id`. Never rejects: no answer is an error with status 0. */
  send<Value>(request: Request<Value>): Promise<Answer<Value>>;
}

/** Ghosts as Matrix users: made on demand, each once. */
export interface Ghosts {
  /** Makes the account, the device and the profile where they are missing; then an intent bound to them. */
  intent(agent: Pick<Agent, "id" | "name" | "avatar">): Promise<Answer<Intent>>;
  /** The same for the bot, which has no profile. */
  bot(): Promise<Answer<Intent>>;
  /** An intent for a ghost that must exist already. */
  existing(userId: UserId, deviceId: string): Intent;
  /** Asks the homeserver to call our `/ping`; fails when it cannot be reached, or cannot reach us. */
  ping(appserviceId: string): Promise<Answer<undefined>>;
}

/**
 * As much of `fetch` as the client–server API needs. Rejects when there is no answer, and when a streamed body fails or
 * has another length than it says. Who gets an answer reads it or cancels its stream: until then it keeps a connection.
 */
export type Ask = (
  url: string,
  init: {
    method: string;
    headers: Record<string, string>;
    body?: RequestBody;
    signal: AbortSignal;
  },
) => Promise<AskAnswer>;

/** The body is read once, as a text or as a stream. */
export interface AskAnswer {
  status: number;
  header(name: string): string | null;
  text(): Promise<string>;
  stream(): ReadableStream<Uint8Array>;
}

export interface Ghost {
  userId: UserId;
  deviceId: string;
  /** The agent's name and avatar as they were last shown to the homeserver. */
  profile?: string;
}

/** Our users on the homeserver, as far as they were made. */
export interface GhostLedger {
  ghost(userId: UserId): Promise<Ghost | undefined>;
  setGhost(ghost: Ghost): Promise<void>;
}
