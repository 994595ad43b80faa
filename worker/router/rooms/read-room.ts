/**
 * Reads a whole room: its members and the state we keep. Once, as one of our users joins; later changes come as events.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey
 */

import { BOUNDS } from "#core/bounds.ts";
import type { RoomFacts } from "#core/gate/facts.ts";
import { joinedMembers } from "#core/protocol/client/members.ts";
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
async function usersAmong(
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

/** The members of a room, and what was stored when they were read: later events say more. */
export interface MembersRead {
  ids: readonly string[];
  readAt: number;
}

/** Throws `Trouble` when they cannot be read. */
export async function readMembers(
  { ledger }: Pick<ReadNeeds, "ledger">,
  intent: Intent,
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
 */
export async function readRoom(
  { ledger, clock, namespace }: ReadNeeds,
  intent: Intent,
  roomId: RoomId,
  read?: MembersRead,
): Promise<{ state: RoomState; people: number }> {
  const { ids, readAt } = read ?? (await readMembers({ ledger }, intent, roomId));
  const users = await usersAmong({ clock, namespace }, ids);
  const state = await readState(intent, roomId);
  await ledger.setState(roomId, state, readAt);
  await ledger.setMembers(
    roomId,
    users.map((userId) => ({ userId, membership: "join" })),
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

async function readState(intent: Intent, roomId: RoomId): Promise<RoomState> {
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
