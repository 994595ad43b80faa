/**
 * Asks the homeserver who is where, and corrects what is remembered: after a ledger or a homeserver's database was lost or
 * restored, and for pushes that were lost. Nothing is said and nothing is joined here.
 *
 * All questions are asked without a device, so that no account is made for them. Synapse lets any of our users read the
 * members of a room that one of them is in; elsewhere only a member may.
 */
import { BOUNDS } from "#core/bounds.ts";
import type { RoomFacts } from "#core/gate/facts.ts";
import { joinedMembers, joinedRooms, openInvitations } from "#core/protocol/client/members.ts";
import { isGone, isPassing } from "#core/protocol/errcode.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { botUserId, isOurs, type Namespace, type RoomId, type UserId } from "#core/protocol/ids.ts";
import { readSlice } from "#core/protocol/transaction.ts";
import { caught } from "#core/result.ts";
import { type LaneId, roomLane } from "#core/turn/lane.ts";
import type { Ghosts, Standing } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { causeOf } from "../digest.ts";
import { type Reader, readRoom, usersAmong, wasInvitedDirectly } from "./read-room.ts";
import { isForAll, Trouble } from "./trouble.ts";

export interface CompareNeeds {
  ledger: Ledger;
  ghosts: Ghosts;
  clock: Clock;
  log: Log;
  namespace: Namespace;
}

/** A user who is kicked is often followed by others; asking more of them than this for one known room is not worth it. */
const PRESENT_ASKED = 3;

/**
 * Compares the members of a room that we know, and reads it again where they differ. Gives one of our users who is there;
 * undefined where none is. A large room is compared only where it refuses one of ours.
 */
export async function compareRoom(
  needs: CompareNeeds,
  { id, present }: RoomFacts,
  isRefused = false,
): Promise<Reader | undefined> {
  const { ledger, ghosts, namespace } = needs;
  const known = await ledger.joinedIn(id, BOUNDS.comparedMembers.max + 1);
  const [first] = present;
  if (!isRefused && first && known.length > BOUNDS.comparedMembers.max) return ghosts.as(first.userId);
  const readAt = await ledger.latestPlace();
  const asked = [...present.slice(0, PRESENT_ASKED).map(({ userId }) => userId), botUserId(namespace)];
  const users = await membersBy(needs, id, asked);
  const ours = users?.filter((userId) => isOurs(namespace, userId)) ?? [];
  const member = present.find(({ userId }) => ours.includes(userId))?.userId ?? ours[0];
  if (!users || member === undefined) {
    await ledger.setMembers(id, [], readAt);
    return undefined;
  }
  const reader = ghosts.as(member);
  const isSame = users.length === known.length && known.every((userId) => users.includes(userId));
  if (!isSame) await readUnknown(needs, reader, id);
  return reader;
}

/** Reads the room of an event if one of our users is there without our knowing it; false where none is. */
export type Meet = (event: Pick<RoomEvent, "room_id" | "sender">) => Promise<boolean>;

/** A room that none of ours is in is not asked about again for this long. */
const STRANGE_MS = 10 * 60_000;

/** The homeserver pushes the events of a room only while one of our users is there, so one that is unknown is asked for. */
export function meeting(needs: CompareNeeds): Meet {
  const { ledger, ghosts, clock, log, namespace } = needs;
  const strange = new Map<RoomId, number>();

  async function memberOf(roomId: RoomId): Promise<Reader | undefined> {
    const { users: candidates } = await ledger.ourUsers("", BOUNDS.membersAsked.max);
    const users = await membersBy(needs, roomId, candidates);
    const member = users?.find((userId) => isOurs(namespace, userId));
    return member && ghosts.as(member);
  }

  return async ({ room_id: roomId, sender }) => {
    // Our own messages wake nobody before somebody else has spoken.
    if (isOurs(namespace, sender)) return false;
    const atMs = strange.get(roomId);
    if (atMs !== undefined && Math.abs(clock.now() - atMs) < STRANGE_MS) return false;
    const reader = await memberOf(roomId);
    if (!reader) {
      if (strange.size >= BOUNDS.strangeRooms.max) strange.clear();
      strange.set(roomId, clock.now());
      return false;
    }
    strange.delete(roomId);
    await readUnknown(needs, reader, roomId);
    log("room_found", { room: roomId, user: reader.userId });
    return true;
  };
}

export interface CompareUserNeeds extends CompareNeeds {
  standing: Standing;
  /** Rings lanes. Resolves when the rings are on their way. */
  ring: (lanes: readonly LaneId[]) => Promise<void>;
  /** False when this run has done as much as the host allows. */
  mayGoOn?: (() => boolean) | undefined;
}

/**
 * Compares the rooms of one of our users: those that are unknown are read, and invitations that are open are decided. A
 * user the homeserver does not know is forgotten. Throws `Trouble` where the homeserver does not answer; a room about which
 * alone it does not is passed by.
 */
export async function compareUser(
  needs: CompareUserNeeds,
  userId: UserId,
  inTurn: boolean,
): Promise<"done" | "unfinished"> {
  const { ledger, ghosts, namespace } = needs;
  const user = ghosts.as(userId);
  const joined = await user.send(joinedRooms());
  if (!joined.ok) {
    if (isPassing(joined.error)) throw new Trouble(`the rooms of ${userId} cannot be read`, joined.error);
    if (isGone(joined.error)) await ledger.forgetGhost(userId);
    return "done";
  }
  if ((await findRooms(needs, user, joined.value)) === "unfinished") return "unfinished";
  // Synapse fails where the appservice's own user asks for them, and looks at each joined room for the answer.
  const isCostly = inTurn && joined.value.length > BOUNDS.roomsAskedInTurn.max;
  if (userId !== botUserId(namespace) && !isCostly) await decideInvitations(needs, user);
  return "done";
}

/** Reads those of the rooms that are not known. */
async function findRooms(
  needs: CompareUserNeeds,
  user: Reader,
  joined: readonly RoomId[],
): Promise<"done" | "unfinished"> {
  const { ledger, log, standing, mayGoOn } = needs;
  for (const roomId of await ledger.roomsWithout(user.userId, joined)) {
    if (mayGoOn?.() === false) return "unfinished";
    const read = await caught(readUnknown(needs, user, roomId));
    if (read.ok) log("room_found", { room: roomId, user: user.userId });
    else if (!(read.error instanceof Trouble) || (await isForAll(read.error.error, standing))) throw read.error;
  }
  return "done";
}

async function decideInvitations({ ledger, clock, ring }: CompareUserNeeds, user: Reader): Promise<void> {
  const open = await user.send(openInvitations(user.userId));
  if (!open.ok && isPassing(open.error)) {
    throw new Trouble(`the invitations of ${user.userId} cannot be read`, open.error);
  }
  if (!open.ok || open.value.length === 0) return;
  const named = open.value.map((event) => ({ event_id: idOf(event, user.userId), ...event }));
  const { events } = readSlice(named, 0);
  const rooms = await ledger.reopenInvitations(events, clock.now());
  if (rooms.length > 0) await ring(rooms.map(roomLane));
}

/**
 * Synapse leaves out the id of an invitation. The same one gets the same id each time, so it is decided once; one that was
 * pushed has another, and to accept it twice does no harm.
 */
const idOf = ({ room_id, sender }: Record<string, unknown>, userId: UserId): string =>
  `$${causeOf("invitation", [userId, String(room_id), String(sender)])}`;

/** What these users are told of a room's members, asked one after the other; undefined where all of them are refused. */
async function membersBy(needs: CompareNeeds, roomId: RoomId, asked: readonly UserId[]): Promise<UserId[] | undefined> {
  for (const userId of asked) {
    const members = await needs.ghosts.as(userId).send(joinedMembers(roomId));
    if (members.ok) return usersAmong(needs, members.value);
    if (isPassing(members.error)) throw new Trouble(`the members of ${roomId} cannot be read`, members.error);
  }
  return undefined;
}

/** Reads a room of which nothing is known, or nothing that holds: also how our users came there. */
async function readUnknown(needs: CompareNeeds, reader: Reader, roomId: RoomId): Promise<void> {
  await readRoom(needs, reader, roomId, {
    isDirect: (ours) => wasInvitedDirectly(needs.ghosts.as(ours), roomId),
  });
}
