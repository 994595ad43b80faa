/**
 * Reads a room as one of our users joins it: its members, and the state we keep. From then on its events report every
 * change.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey
 */

import { joinedMembers } from "#core/protocol/client/members.ts";
import { stateEvent } from "#core/protocol/client/rooms.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import { NO_STATE, type RoomState, STATE_TYPES } from "#core/protocol/room-state.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { Ledger } from "#ports/ledger.ts";
import { Trouble } from "./trouble.ts";

/** Stores the members and the state of a room. Throws `Trouble` when they cannot be read, so that no turn starts there. */
export async function readRoom(
  { ledger }: { ledger: Ledger },
  intent: Intent,
  roomId: RoomId,
): Promise<{ state: RoomState; people: number }> {
  const members = await intent.send(joinedMembers(roomId));
  if (!members.ok) throw new Trouble(`the members of ${roomId} cannot be read`, members.error);
  const state = await readState(intent, roomId);
  await ledger.setState(roomId, state);
  await ledger.setMembers(
    roomId,
    members.value.map((userId) => ({ userId, membership: "join" })),
  );
  await inherit(ledger, roomId, state);
  return { state, people: members.value.length };
}

async function readState(intent: Intent, roomId: RoomId): Promise<RoomState> {
  const pieces = await Promise.all(
    STATE_TYPES.map(async (type) => {
      const answer = await intent.send(stateEvent(roomId, type));
      if (answer.ok) return answer.value;
      // Most rooms have no topic and no tombstone.
      if (answer.error.status === 404) return {};
      throw new Trouble(`${type} of ${roomId} cannot be read`, answer.error);
    }),
  );
  return Object.assign({}, NO_STATE, ...pieces);
}

/** Carries settings over from the room this one replaced, if both rooms say so: in the tombstone and in `m.room.create`. */
async function inherit(ledger: Ledger, roomId: RoomId, { predecessor }: RoomState): Promise<void> {
  if (predecessor === undefined) return;
  const { state } = await ledger.room(predecessor);
  if (state.replacement === roomId) await ledger.succeed(predecessor, roomId);
}
