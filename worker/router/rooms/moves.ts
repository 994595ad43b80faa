/** Rejected invitations, rooms left because only our users remain, and the notice in a room that replaced another. */
import type { Reason } from "#core/gate/reasons.ts";
import { joinedMembers } from "#core/protocol/client/members.ts";
import { leaveRoom } from "#core/protocol/client/rooms.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import {
  type AgentId,
  agentOfGhost,
  BOT,
  botUserId,
  ghostUserId,
  isOurs,
  type Namespace,
  type RoomId,
  remoteServerOf,
  type Speaker,
  UserId,
  userIdOf,
} from "#core/protocol/ids.ts";
import { explain } from "#core/strings/reasons.ts";
import { FOLLOWED } from "#core/strings/replies.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import { causeOf } from "../digest.ts";
import { intentOf, type JoinNeeds } from "./join.ts";
import { readRoom } from "./read-room.ts";
import type { Stint } from "./stint.ts";
import { Trouble } from "./trouble.ts";

/** Users that are read from the ledger at a time. */
const PAGE = 20;

/**
 * Rejects an invitation and tells the inviter why, without the evidence: it quotes the operator's settings. A ghost that
 * has no account yet is not made for that.
 */
export async function decline(
  needs: JoinNeeds,
  { room_id: roomId, sender }: Pick<RoomEvent, "room_id" | "sender">,
  speaker: Speaker,
  reason: Reason,
): Promise<void> {
  const userId = userIdOf(needs.namespace, speaker);
  const about = speaker === BOT ? undefined : speaker;
  if (!(await needs.ledger.ghost(userId))) return;
  await leaveAs(needs, roomId, userId, explain({ reason }, about), remoteServerOf(needs.namespace, sender));
}

/** One agent leaves. */
export const leave = (needs: JoinNeeds, roomId: RoomId, agentId: AgentId): Promise<void> =>
  leaveAs(needs, roomId, ghostUserId(needs.namespace, agentId));

/** Idempotent: a refusal means that the user has left already. Throws `Trouble` when another try may succeed. */
async function leaveAs(
  needs: JoinNeeds,
  roomId: RoomId,
  userId: UserId,
  reason?: string,
  inviter?: string,
): Promise<void> {
  const intent = await asUser(needs, userId);
  const left = intent?.ok ? await intent.value.send(leaveRoom(roomId, reason, inviter)) : intent;
  if (left && !left.ok && isPassing(left.error)) throw new Trouble(`${userId} could not leave yet`, left.error);
}

/**
 * All our users leave a room that has no others. Our member list may be out of date, so the homeserver is asked before
 * each of them: a room with people in it is never left.
 */
export const depart = (
  needs: JoinNeeds,
  roomId: RoomId,
  stint: Stint,
): Promise<"depart" | "membership" | "unfinished"> =>
  stint.work(async (progress, mayGoOn) => {
    for await (const userId of ourUsersIn(needs, roomId, progress.after)) {
      if (!mayGoOn()) return "unfinished";
      if ((await departAs(needs, roomId, userId)) === "people") return "membership";
      progress.after = userId;
    }
    return "depart";
  });

async function departAs(needs: JoinNeeds, roomId: RoomId, userId: UserId): Promise<"people" | "left"> {
  const reader = await asUser(needs, userId);
  if (!reader?.ok) return "left";
  const members = await reader.value.send(joinedMembers(roomId));
  // In an earlier try this user has left already.
  if (!members.ok && !isPassing(members.error)) return "left";
  if (!members.ok) throw new Trouble(`the members of ${roomId} cannot be read`, members.error);
  if (!members.value.every((id) => isOurUser(needs.namespace, id))) {
    await readRoom(needs, reader.value, roomId);
    return "people";
  }
  await leaveAs(needs, roomId, userId);
  return "left";
}

/** An id that cannot be read is somebody else's. */
function isOurUser(namespace: Namespace, id: string): boolean {
  const userId = UserId.safeParse(id).data;
  return userId !== undefined && isOurs(namespace, userId);
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

async function* ourUsersIn(needs: JoinNeeds, roomId: RoomId, after: string): AsyncGenerator<UserId> {
  for await (const page of pagesOfOurs(needs, roomId, after)) yield* page;
}

/** The bot and the ghosts in a room, including ghosts of retired agents, by pages in the order of their ids. */
export async function* pagesOfOurs({ ledger }: JoinNeeds, roomId: RoomId, after: string): AsyncGenerator<UserId[]> {
  for (let last = after; ; ) {
    const page = await ledger.ghostsIn(roomId, last, PAGE);
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    last = page.at(-1) ?? last;
  }
}

/** The intent of one of our users. A retired agent's ghost has one as well, as long as its account exists. */
async function asUser(needs: JoinNeeds, userId: UserId) {
  if (userId === botUserId(needs.namespace)) return needs.ghosts.bot();
  const ghost = await needs.ledger.ghost(userId);
  if (ghost) return { ok: true as const, value: needs.ghosts.existing(ghost.userId, ghost.deviceId) };
  return intentOf(needs, agentOfGhost(needs.namespace, userId) ?? BOT);
}
