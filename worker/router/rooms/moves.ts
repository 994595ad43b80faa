/** Coming and going: invitations turned down, rooms left when nobody else is in them, rooms that were replaced. */
import { explain } from "#core/gate/why.ts";
import { joinedMembers } from "#core/protocol/client/members.ts";
import { leaveRoom } from "#core/protocol/client/rooms.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import { type AgentId, agentOfGhost, botUserId, ghostUserId, type RoomId, type UserId } from "#core/protocol/ids.ts";
import { FOLLOWED } from "#core/strings/replies.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import { digest } from "../digest.ts";
import { lookUp } from "./aliases.ts";
import { intentOf, type JoinNeeds, joinAtOnce } from "./join.ts";
import { readRoom } from "./read-room.ts";
import { Trouble } from "./trouble.ts";

/** Our users of a room, taken this many at a time. */
const PAGE = 50;

/** Turns an invitation down and says why. Whoever has no account yet gets none for that. */
export async function decline(
  needs: JoinNeeds,
  roomId: RoomId,
  agentId: AgentId | undefined,
  reason: string,
): Promise<void> {
  const userId = agentId ? ghostUserId(needs.namespace, agentId) : botUserId(needs.namespace);
  if (await needs.ledger.ghost(userId)) await leaveAs(needs, roomId, userId, explain(reason, agentId));
}

/** One agent leaves. */
export const leave = (needs: JoinNeeds, roomId: RoomId, agentId: AgentId): Promise<void> =>
  leaveAs(needs, roomId, ghostUserId(needs.namespace, agentId));

/** Who is not there any more has left. What passes is tried again. */
async function leaveAs(needs: JoinNeeds, roomId: RoomId, userId: UserId, reason?: string): Promise<void> {
  const intent = await asUser(needs, userId);
  const left = intent?.ok ? await intent.value.send(leaveRoom(roomId, reason)) : intent;
  if (left && !left.ok && isPassing(left.error)) throw new Trouble(`${userId} could not leave yet`, left.error);
}

/**
 * All of us leave a room nobody else is in. What we know of its members may be old, so the homeserver is asked first: a
 * room is never left that has people in it.
 */
export async function depart(needs: JoinNeeds, roomId: RoomId): Promise<"depart" | "membership"> {
  const users = await ours(needs, roomId);
  for (const userId of users) {
    const reader = await asUser(needs, userId);
    if (!reader?.ok) continue;
    const members = await reader.value.send(joinedMembers(roomId));
    // Of an earlier try this one has left by now.
    if (!members.ok && !isPassing(members.error)) continue;
    if (!members.ok) throw new Trouble(`the members of ${roomId} cannot be read`, members.error);
    await readRoom(needs, reader.value, roomId);
    if (await needs.ledger.hasPeople(roomId, undefined)) return "membership";
    await leaveAs(needs, roomId, userId);
  }
  return "depart";
}

/**
 * All of us go to the room that replaced this one. Where that takes an invitation, it is waited for: an agent follows its
 * users into the replacement of a room it is in.
 */
export async function follow(needs: JoinNeeds, from: RoomId, to: RoomId, upgrader: UserId): Promise<OutboxRow[]> {
  const { state, aliases } = await needs.ledger.room(from);
  await needs.ledger.setState(from, { ...state, replacement: to });
  const notices: OutboxRow[] = [];
  for (const userId of await ours(needs, from)) {
    const agent = agentOfGhost(needs.namespace, userId);
    const joined = await joinAtOnce(needs, to, agent, upgrader);
    notices.push(...joined.notices);
    if (joined.reason === "join" && agent) notices.push(...(await moved(needs, to, agent)));
  }
  // The homeserver moves its aliases along; what is written for one holds at once.
  if (notices.length > 0) await lookUp(needs, aliases);
  return notices;
}

/** Said once, by whoever is there first, and only where the new room really took over from the old one. */
export async function moved({ ledger, delivery }: JoinNeeds, roomId: RoomId, agent: AgentId): Promise<OutboxRow[]> {
  if ((await ledger.room(roomId)).origin === roomId) return [];
  return [delivery.notice({ agent, roomId, cause: `moved-${digest([roomId]).slice(0, 20)}` }, FOLLOWED)];
}

/** The bot, and every user that is or was an agent's. */
async function ours({ ledger, namespace }: JoinNeeds, roomId: RoomId): Promise<UserId[]> {
  const users: UserId[] = [];
  const isSomebody = (userId: UserId) =>
    userId === botUserId(namespace) || agentOfGhost(namespace, userId) !== undefined;
  for (let after = ""; ; ) {
    const page = await ledger.ghostsIn(roomId, after, PAGE);
    users.push(...page.filter(isSomebody));
    if (page.length < PAGE) return users;
    after = page.at(-1) ?? "";
  }
}

/** A retired agent's user leaves as well, so it is asked for as it was made, not as an agent. */
async function asUser(needs: JoinNeeds, userId: UserId) {
  if (userId === botUserId(needs.namespace)) return needs.ghosts.bot();
  const ghost = await needs.ledger.ghost(userId);
  if (ghost) return { ok: true as const, value: needs.ghosts.existing(ghost.userId, ghost.deviceId) };
  return intentOf(needs, agentOfGhost(needs.namespace, userId));
}
