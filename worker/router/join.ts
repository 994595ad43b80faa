/**
 * An agent follows an invitation: it joins, the room's members are read once, and so is what was said before it came.
 * The homeserver pushes nothing of a room between the invitation and the join, so what the inviter wrote at once would
 * be lost. It is read back with `/messages` and takes the same way as everything else, in its place in the room.
 */
import type { Json } from "#core/protocol/event.ts";
import { RoomEvent } from "#core/protocol/event.ts";
import type { AgentId } from "#core/protocol/ids.ts";
import type { WaitingEvent } from "#core/turn.ts";
import type { Clock, Ghosts, HomeserverError, Intent, Ledger, Log } from "#ports";

export interface JoinNeeds {
  ledger: Ledger;
  ghosts: Ghosts;
  clock: Clock;
  log: Log;
  isPassing: (error: HomeserverError) => boolean;
}

/** Pages of 100 read back; who writes more than that before an answer is answered from there on. */
const PAGES_MAX = 5;

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
  await readBack(needs, intent.value, invitation);
  return "join";
}

async function readBack({ ledger, clock }: JoinNeeds, intent: Intent, invitation: WaitingEvent): Promise<void> {
  const { event: invited, seq } = invitation;
  const missed: RoomEvent[] = [];
  let from: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const back = await intent.messagesBack(invited.room_id, from);
    if (!back.ok) throw new Error(`${invited.room_id} cannot be read back: ${back.error.status} ${back.error.errcode}`);
    const { events, next } = back.value;
    const known = events.findIndex((raw) => idOf(raw) === invited.event_id);
    for (const raw of known < 0 ? events : events.slice(0, known)) {
      const event = RoomEvent.safeParse(raw);
      if (event.success) missed.push(event.data);
    }
    if (known >= 0 || next === undefined) break;
    from = next;
  }
  if (missed.length === 0) return;
  // Read newest first, remembered oldest first. Those that were pushed meanwhile are known already and stay one.
  await ledger.accept({ events: missed.reverse(), deadLetters: [], nowMs: clock.now(), afterSeq: seq });
}

const idOf = (raw: Json): unknown =>
  raw !== null && typeof raw === "object" && !Array.isArray(raw) ? raw["event_id"] : undefined;
