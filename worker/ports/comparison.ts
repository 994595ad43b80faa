/** What the ledger remembers of rooms and users, to be compared with what the homeserver says. */
import type { RoomEvent } from "#core/protocol/event.ts";
import type { RoomId, UserId } from "#core/protocol/ids.ts";

/** A page of our users. `next` is where the next page begins; undefined at the end. */
export interface OurUsers {
  users: UserId[];
  next?: string;
}

export interface ComparisonLedger {
  /** The bot, the agents that are no families, then the other users that have an account. `from`: empty, or a `next`. */
  ourUsers(from: string, limit: number): Promise<OurUsers>;
  /** Those of these rooms that the user is not known to have joined. */
  roomsWithout(userId: UserId, roomIds: readonly RoomId[]): Promise<RoomId[]>;
  /** The users that are known to have joined a room, in the order of their ids. */
  joinedIn(roomId: RoomId, limit: number): Promise<UserId[]>;
  /** Forgets a user's account and device: they are made anew when they are needed. */
  forgetGhost(userId: UserId): Promise<void>;
  /**
   * Stores invitations that are open on the homeserver. One that was accepted is undecided again; so is, once an hour for a
   * day, one for which the joining failed. Any other known one stays as it is. Gives the rooms with something to decide.
   */
  reopenInvitations(invitations: readonly RoomEvent[], nowMs: number): Promise<RoomId[]>;
}
