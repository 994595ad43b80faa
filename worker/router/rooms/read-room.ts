/**
 * Reads a whole room: its members and the state we keep. Once, as one of our users joins; later changes come as events.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey
 */

import { BOUNDS } from "#core/bounds.ts";
import type { RoomFacts } from "#core/gate/facts.ts";
import { joinedMembers, memberBefore, memberEvent } from "#core/protocol/client/members.ts";
import { stateEvent } from "#core/protocol/client/rooms.ts";
import { isMissing, isPassing } from "#core/protocol/errcode.ts";
import { isOurs, type Namespace, type RoomId, UserId } from "#core/protocol/ids.ts";
import { NO_STATE, type RoomState, STATE_TYPES } from "#core/protocol/room-state.ts";
import type { Ghosts, Intent } from "#ports/homeserver.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { Trouble } from "./trouble.ts";

interface ReadNeeds {
  ledger: Ledger;
  clock: Clock;
  namespace: Namespace;
}

/** The users with these ids: ours, and others up to a bound. The gate needs no more of a crowd than that it is one. */
export async function usersAmong(
  { clock, namespace }: Pick<ReadNeeds, "clock" | "namespace">,
  ids: readonly string[],
): Promise<UserId[]> {
  const users: UserId[] = [];
  let others = 0;
  for (const [at, id] of ids.entries()) {
    if (at > 0 && at % BOUNDS.membersAtOnce.max === 0) await clock.sleep(0);
    // Whoever has an id that looks like one of ours may be of another server.
    const isOther = !id.startsWith(`@${namespace.ghostPrefix}`) && !id.startsWith(`@${namespace.botLocalpart}:`);
    if (isOther && others >= BOUNDS.membersRead.max) continue;
    const userId = UserId.safeParse(id).data;
    if (userId === undefined) continue;
    if (!isOurs(namespace, userId) && others++ >= BOUNDS.membersRead.max) continue;
    users.push(userId);
  }
  return users;
}

/** One of our users in a room, with its device or without. */
export type Reader = Pick<Intent, "userId" | "send">;

/** The members of a room, and what was stored when they were read: later events say more. */
export interface MembersRead {
  ids: readonly string[];
  readAt: number;
}

/** Throws `Trouble` when they cannot be read. */
export async function readMembers(
  { ledger }: Pick<ReadNeeds, "ledger">,
  intent: Pick<Reader, "send">,
  roomId: RoomId,
): Promise<MembersRead> {
  const readAt = await ledger.latestPlace();
  const members = await intent.send(joinedMembers(roomId));
  if (!members.ok) throw new Trouble(`the members of ${roomId} cannot be read`, members.error);
  return { ids: members.value, readAt };
}

/**
 * Copies a room's members and state into the ledger. Throws `Trouble` when it cannot be read: then no turn starts there.
 * `read`: the members, where they were read since the join.
 * `isDirect` is asked where two are in the room, and it is not known how the one that is ours came there.
 */
export async function readRoom(
  { ledger, clock, namespace }: ReadNeeds,
  intent: Pick<Reader, "send">,
  roomId: RoomId,
  { read, isDirect }: { read?: MembersRead; isDirect?: (ours: UserId) => Promise<boolean> } = {},
): Promise<{ state: RoomState; people: number }> {
  const { ids, readAt } = read ?? (await readMembers({ ledger }, intent, roomId));
  const users = await usersAmong({ clock, namespace }, ids);
  const state = await readState(intent, roomId);
  const [direct] = users.length <= 2 ? users.filter((userId) => isOurs(namespace, userId)) : [];
  const invited = direct && (await isDirect?.(direct)) ? direct : undefined;
  await ledger.setState(roomId, state, readAt);
  await ledger.setMembers(
    roomId,
    users.map((userId) => ({ userId, membership: "join", direct: userId === invited })),
    readAt,
  );
  await inherit(ledger, roomId, state);
  return { state, people: ids.length };
}

/**
 * Reads the state of a room anew whose stored one cannot be read. Throws `Trouble` while the homeserver cannot tell it: then
 * nothing is decided there. Where none of our users is in the room any more, nothing is known of it.
 */
export async function restoreState(
  { ledger, ghosts }: { ledger: Ledger; ghosts: Ghosts },
  { id, present, botUserId }: RoomFacts,
): Promise<void> {
  const readAt = await ledger.latestPlace();
  const [first] = present;
  const agent = first && (await ledger.agent(first.agent.id));
  const reader = agent ? await ghosts.intent(agent) : botUserId && (await ghosts.bot());
  if (reader && !reader.ok) throw new Trouble(`the state of ${id} cannot be read`, reader.error);
  const state = reader
    ? await readState(reader.value, id).catch((error: unknown) => {
        if (error instanceof Trouble && !isPassing(error.error)) return NO_STATE;
        throw error;
      })
    : NO_STATE;
  await ledger.setState(id, state, readAt);
}

/** How far back the own membership is read: a user that is given another name or picture has one more. */
const MEMBERSHIPS_READ = 5;

/**
 * Whether one of our users was invited as to a direct chat, read off its own membership and those before. Where that cannot be
 * found out it was: two are there, and the gate asks whether the other one may talk to it.
 */
export async function wasInvitedDirectly(user: Reader, roomId: RoomId): Promise<boolean> {
  const first = await user.send(memberEvent(roomId, user.userId));
  let event = first.ok ? first.value : undefined;
  for (let read = 1; event; read++) {
    const { content, before, contentBefore } = event;
    const invitation = [content, contentBefore].find((one) => one?.["membership"] === "invite");
    if (invitation) return invitation["is_direct"] === true;
    if (before === undefined || read >= MEMBERSHIPS_READ) return true;
    const older = await user.send(memberBefore(roomId, before));
    event = older.ok ? older.value : undefined;
  }
  return true;
}

async function readState(intent: Pick<Reader, "send">, roomId: RoomId): Promise<RoomState> {
  const pieces = await Promise.all(
    STATE_TYPES.map(async (type) => {
      const answer = await intent.send(stateEvent(roomId, type));
      if (answer.ok) return answer.value;
      // A room need not have a topic, a tombstone and so on.
      if (isMissing(answer.error)) return {};
      throw new Trouble(`${type} of ${roomId} cannot be read`, answer.error);
    }),
  );
  return Object.assign({}, NO_STATE, ...pieces);
}

/** Only where both rooms agree: the old one's tombstone names the new one, whose create event names the old one. */
async function inherit(ledger: Ledger, roomId: RoomId, { predecessor }: RoomState): Promise<void> {
  if (predecessor === undefined) return;
  const { state } = await ledger.room(predecessor);
  if (state.replacement === roomId) await ledger.succeed(predecessor, roomId);
}
