/** The homeserver as our users see it, and the users we have there. */
import type { Agent } from "#core/configuration/agent.ts";
import type { HomeserverError } from "#core/protocol/errcode.ts";
import type { Json, JsonObject } from "#core/protocol/event.ts";
import type { EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Result } from "#core/result.ts";

export type Answer = Result<JsonObject, HomeserverError>;

/** The client–server API bound to one acting user. Every request after its device exists carries `user_id` and `device_id`. */
export interface Intent {
  readonly userId: UserId;
  readonly deviceId: string;
  /** A frozen request, repeated byte for byte. */
  put(path: string, body: string): Promise<Answer>;
  join(roomId: RoomId, via?: readonly string[]): Promise<Answer>;
  leave(roomId: RoomId, reason?: string): Promise<Answer>;
  /** One state event's content with an empty state key; an error with status 404 where there is none. */
  state(roomId: RoomId, type: string, format?: "event"): Promise<Answer>;
  setState(roomId: RoomId, type: string, stateKey: string, content: JsonObject): Promise<Answer>;
  /** The room an alias means. */
  resolveAlias(alias: string): Promise<Answer>;
  /** One event of a room. */
  event(roomId: RoomId, eventId: EventId): Promise<Answer>;
  typing(roomId: RoomId, on: boolean, timeoutMs: number): Promise<Answer>;
  joinedMembers(roomId: RoomId): Promise<Result<UserId[], HomeserverError>>;
  /** Newest first; `next` undefined at the beginning of the room. `events` are as raw as they came. */
  messagesBack(roomId: RoomId, from?: string): Promise<Result<{ events: Json[]; next?: string }, HomeserverError>>;
}

/** Ghosts as Matrix users: made on demand, each once. */
export interface Ghosts {
  /** Registers the ghost, its device, its profile, whatever of it is missing; then an intent bound to it. */
  intent(agent: Pick<Agent, "id" | "name" | "avatar">): Promise<Result<Intent, HomeserverError>>;
  /** The bot's own. */
  bot(): Promise<Result<Intent, HomeserverError>>;
  /** Asks the homeserver to call our `/ping`; fails when it cannot be reached, or cannot reach us. */
  ping(appserviceId: string): Promise<Answer>;
  /** An intent for a ghost that must exist already. */
  existing(userId: UserId, deviceId: string): Intent;
}

/** As much of `fetch` as the client–server API needs. Rejects when there is no answer. */
export type Ask = (
  url: string,
  init: {
    method: string;
    headers: Record<string, string>;
    body?: string | Uint8Array<ArrayBuffer>;
    signal: AbortSignal;
  },
) => Promise<{ status: number; header(name: string): string | null; text(): Promise<string> }>;

export interface Ghost {
  userId: UserId;
  deviceId: string;
  /** What of the agent's name and avatar was last shown to the homeserver. */
  profile?: string;
}

/** Our users on the homeserver, as far as they were made. */
export interface GhostLedger {
  ghost(userId: UserId): Promise<Ghost | undefined>;
  setGhost(ghost: Ghost): Promise<void>;
}
