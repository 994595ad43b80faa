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
  /** Empty where the homeserver has no devices for appservices. */
  readonly deviceId: string;
  /** Sends the request with `user_id` and, where there is a device, `device_id`. Never rejects: no answer is an error with status 0. */
  send<Value>(request: Request<Value>): Promise<Answer<Value>>;
}

/** Whether the homeserver answers at all. A single request may fail for reasons of its own: a room, a remote server. */
export interface Standing {
  /** True when another request was answered just now, or one is answered that asks only who we are. Never rejects. */
  isWell(): Promise<boolean>;
}

/** Ghosts as Matrix users: made on demand, each once. */
export interface Ghosts {
  /**
   * Makes the ghost's account, device and profile where they are missing, and gives an intent for it. `known`: the ghost as
   * the ledger has it, if it was read already.
   */
  intent(agent: Pick<Agent, "id" | "name" | "avatar">, known?: Ghost): Promise<Answer<Intent>>;
  /** Makes the bot's account and device where they are missing, and gives an intent for it. The bot has no profile. */
  bot(): Promise<Answer<Intent>>;
  /** An intent for a ghost that must exist already. */
  existing(userId: UserId, deviceId: string): Intent;
  /** Asks as one of our users, without its device: for questions about a user that the homeserver may not know. */
  as(userId: UserId): Pick<Intent, "userId" | "send">;
  /** Asks the homeserver to call our `/ping`; fails when it cannot be reached, or cannot reach us. */
  ping(appserviceId: string): Promise<Answer<undefined>>;
}

/**
 * As much of `fetch` as the client–server API needs. Rejects when there is no answer, and when a streamed body fails or
 * has another length than it says. The caller must read an answer or cancel its stream: until then it occupies a connection.
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

/** A ghost, or the bot, as it was made. */
export interface Ghost {
  userId: UserId;
  /** Empty where the homeserver has no devices for appservices. */
  deviceId: string;
  /** The agent's name and avatar as they were last shown to the homeserver. */
  profile?: string;
}

/** Our users on the homeserver, as far as they were made. */
export interface GhostLedger {
  ghost(userId: UserId): Promise<Ghost | undefined>;
  setGhost(ghost: Ghost): Promise<void>;
  /**
   * The homeserver has no devices for appservices any more: our users have none. Or it has them again: users without one
   * are forgotten, and made again with one.
   */
  setDevices(areTaken: boolean): Promise<void>;
}
