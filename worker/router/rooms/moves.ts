/** Rejected invitations, rooms left because only our users remain, and the notice in a room that replaced another. */
import type { Reason } from "#core/gate/reasons.ts";
import { joinedMembers } from "#core/protocol/client/members.ts";
import { leaveRoom } from "#core/protocol/client/rooms.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import {
  type AgentId,
  agentOfGhost,
  BOT,
  botUserId,
  ghostUserId,
  type RoomId,
  type Speaker,
  type UserId,
  userIdOf,
} from "#core/protocol/ids.ts";
import { explain } from "#core/strings/reasons.ts";
import { FOLLOWED } from "#core/strings/replies.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import { causeOf } from "../digest.ts";
import { intentOf, type JoinNeeds } from "./join.ts";
import { readRoom } from "./read-room.ts";
import { Trouble } from "./trouble.ts";

/** Users that are read from the ledger at a time. */
const PAGE = 50;

/**
 * Rejects an invitation and tells the inviter why, without the evidence: it quotes the operator's settings. A ghost that
 * has no account yet is not made for that.
 */
export async function decline(needs: JoinNeeds, roomId: RoomId, speaker: Speaker, reason: Reason): Promise<void> {
  const userId = userIdOf(needs.namespace, speaker);
  const about = speaker === BOT ? undefined : speaker;
  if (await needs.ledger.ghost(userId)) await leaveAs(needs, roomId, userId, explain({ reason }, about));
}

/** One agent leaves. */
export const leave = (needs: JoinNeeds, roomId: RoomId, agentId: AgentId): Promise<void> =>
  leaveAs(needs, roomId, ghostUserId(needs.namespace, agentId));

/** Idempotent: a refusal means that the user has left already. Throws `Trouble` when another try may succeed. */
async function leaveAs(needs: JoinNeeds, roomId: RoomId, userId: UserId, reason?: string): Promise<void> {
  const intent = await asUser(needs, userId);
  const left = intent?.ok ? await intent.value.send(leaveRoom(roomId, reason)) : intent;
  if (left && !left.ok && isPassing(left.error)) throw new Trouble(`${userId} could not leave yet`, left.error);
}

/**
 * All our users leave a room that has no others. Our member list may be out of date, so the homeserver is asked first: a
 * room with people in it is never left.
 */
export async function depart(needs: JoinNeeds, roomId: RoomId): Promise<"depart" | "membership"> {
  const users = await ourUsersIn(needs, roomId);
  for (const userId of users) {
    const reader = await asUser(needs, userId);
    if (!reader?.ok) continue;
    const members = await reader.value.send(joinedMembers(roomId));
    // In an earlier try this user has left already.
    if (!members.ok && !isPassing(members.error)) continue;
    if (!members.ok) throw new Trouble(`the members of ${roomId} cannot be read`, members.error);
    await readRoom(needs, reader.value, roomId);
    if (await needs.ledger.hasPeople(roomId, undefined)) return "membership";
    await leaveAs(needs, roomId, userId);
  }
  return "depart";
}

/** Says once, by the first agent there, that the room continues another one; only where the old room said so as well. */
export async function successionNotice(
  { ledger, delivery }: JoinNeeds,
  roomId: RoomId,
  agent: AgentId,
): Promise<OutboxRow[]> {
  if ((await ledger.room(roomId)).origin === roomId) return [];
  return [delivery.notice({ agent, roomId, cause: causeOf("moved", [roomId]) }, FOLLOWED)];
}

/** The bot and the ghosts in a room, including ghosts of retired agents. */
export async function ourUsersIn({ ledger }: JoinNeeds, roomId: RoomId): Promise<UserId[]> {
  const users: UserId[] = [];
  for (let after = ""; ; ) {
    const page = await ledger.ghostsIn(roomId, after, PAGE);
    users.push(...page);
    if (page.length < PAGE) return users;
    after = page.at(-1) ?? "";
  }
}

/** The intent of one of our users. A retired agent's ghost has one as well, as long as its account exists. */
async function asUser(needs: JoinNeeds, userId: UserId) {
  if (userId === botUserId(needs.namespace)) return needs.ghosts.bot();
  const ghost = await needs.ledger.ghost(userId);
  if (ghost) return { ok: true as const, value: needs.ghosts.existing(ghost.userId, ghost.deviceId) };
  return intentOf(needs, agentOfGhost(needs.namespace, userId) ?? BOT);
}
