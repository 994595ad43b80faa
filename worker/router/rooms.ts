/** Coming and going: invitations turned down, rooms left when nobody else is in them, rooms that were replaced. */
import { explain } from "#core/gate/why.ts";
import { type AgentId, agentOfGhost, botUserId, type RoomId, splitUserId, type UserId } from "#core/protocol/ids.ts";
import { FOLLOWED } from "#core/strings.ts";
import type { OutboxRow } from "#ports";
import { intentOf, type JoinNeeds, join } from "./join.ts";
import { digest } from "./new-turn.ts";
import { readRoom } from "./read-room.ts";

/** Our users of a room, taken this many at a time. */
const PAGE = 50;

/** Turns an invitation down and says why. What cannot be reached is tried again. */
export async function decline(
  needs: JoinNeeds,
  roomId: RoomId,
  agentId: AgentId | undefined,
  reason: string,
): Promise<void> {
  const intent = await intentOf(needs, agentId, roomId);
  const left = intent?.ok ? await intent.value.leave(roomId, explain(reason, agentId)) : intent;
  if (left && !left.ok && needs.isPassing(left.error))
    throw new Error(`${agentId} could not turn an invitation down yet: ${left.error.status} ${left.error.errcode}`);
}

/** One agent leaves; false when the homeserver says it could not. */
export async function leave(needs: JoinNeeds, roomId: RoomId, agentId: AgentId | undefined): Promise<boolean> {
  const intent = await intentOf(needs, agentId, roomId);
  return intent?.ok === true && (await intent.value.leave(roomId)).ok;
}

/**
 * All of us leave a room nobody else is in. What we know of its members may be old, so the homeserver is asked first: a
 * room is never left that has people in it.
 */
export async function depart(needs: JoinNeeds, roomId: RoomId): Promise<"depart" | "membership"> {
  const users = await ours(needs, roomId);
  const [first] = users;
  const reader = first && (await asUser(needs, roomId, first));
  if (!reader?.ok) return "membership";
  await readRoom(needs, reader.value, roomId);
  if (await needs.ledger.hasPeople(roomId, undefined)) return "membership";
  for (const userId of users) {
    const intent = await asUser(needs, roomId, userId);
    if (intent?.ok) await intent.value.leave(roomId);
  }
  return "depart";
}

/**
 * All of us go to the room that replaced this one. Where that takes an invitation, it is waited for: an invitation to the
 * replacement of a room somebody is in is always followed.
 */
export async function follow(needs: JoinNeeds, from: RoomId, to: RoomId, upgrader: UserId): Promise<OutboxRow[]> {
  await needs.ledger.setState(from, { ...(await needs.ledger.room(from)).state, replacement: to });
  const via = [splitUserId(upgrader)[1], needs.namespace.serverName];
  const notices: OutboxRow[] = [];
  for (const userId of await ours(needs, from)) {
    const agent = agentOfGhost(needs.namespace, userId);
    const joined = await join(needs, to, agent, [...new Set(via)]);
    // Said once, by whoever is there first.
    if (joined.reason === "join" && agent && notices.length === 0) notices.push(followed(needs, to, agent));
  }
  return notices;
}

export const followed = ({ delivery }: JoinNeeds, roomId: RoomId, agent: AgentId): OutboxRow =>
  delivery.notice({ agent, roomId, cause: `moved-${digest([roomId]).slice(0, 20)}` }, FOLLOWED);

async function ours({ ledger }: JoinNeeds, roomId: RoomId): Promise<UserId[]> {
  const users: UserId[] = [];
  for (let after = ""; ; ) {
    const page = await ledger.ghostsIn(roomId, after, PAGE);
    users.push(...page);
    if (page.length < PAGE) return users;
    after = page.at(-1) ?? "";
  }
}

/** A retired agent's user leaves as well, so it is asked for as it was made, not as an agent. */
async function asUser(needs: JoinNeeds, roomId: RoomId, userId: UserId) {
  if (userId === botUserId(needs.namespace)) return needs.ghosts.bot();
  const ghost = await needs.ledger.ghost(userId);
  if (ghost) return { ok: true as const, value: needs.ghosts.existing(ghost.userId, ghost.deviceId) };
  return intentOf(needs, agentOfGhost(needs.namespace, userId), roomId);
}
