/**
 * An agent follows an invitation: it joins, the room's members are read once, and so is what was said before it came.
 * The homeserver pushes nothing of a room between the invitation and the join, so what the inviter wrote at once would
 * be lost. It is read back with `/messages` and takes the same way as everything else, in its place in the room.
 */
import type { AgentId } from "#core/protocol/ids.ts";
import type { WaitingEvent } from "#core/turn.ts";
import type { Clock, Ghosts, HomeserverError, Ledger, Log } from "#ports";
import { readBack } from "./gaps.ts";

export interface JoinNeeds {
  ledger: Ledger;
  ghosts: Ghosts;
  clock: Clock;
  log: Log;
  isPassing: (error: HomeserverError) => boolean;
}

/** Resolves to the verdict for the invitation's row. Throws when it is worth another try: the lane comes back to it. */
export async function join(needs: JoinNeeds, invitation: WaitingEvent, agentId: AgentId): Promise<string> {
  const { ledger, ghosts, log, isPassing } = needs;
  const roomId = invitation.event.room_id;
  const agent = await ledger.agent(agentId);
  if (!agent) return "unknown_agent";

  const intent = await ghosts.intent(agent);
  const joined = intent.ok ? await intent.value.join(roomId) : intent;
  if (!intent.ok || !joined.ok) {
    const error = joined.ok ? undefined : joined.error;
    log("join_failed", { agent: agentId, room: roomId, status: error?.status, errcode: error?.errcode });
    if (error && isPassing(error)) throw new Error(`${agentId} could not join yet: ${error.status} ${error.errcode}`);
    return "join_failed";
  }
  log("joined", { agent: agentId, room: roomId });

  const members = await intent.value.joinedMembers(roomId);
  if (!members.ok) throw new Error(`the members of ${roomId} cannot be read: ${members.error.status}`);
  await ledger.setMembers(
    roomId,
    members.value.map((userId) => ({ userId, membership: "join" })),
  );
  await readBack(needs, intent.value, roomId);
  return "join";
}
