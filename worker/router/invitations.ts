/**
 * An invitation that the gate accepts: it is counted, and the room is judged again by what it turns out to be once one of our
 * users is in it. Until then the inviter's server alone says whether it is a direct chat.
 */
import { type Grounds, grounds } from "#core/gate/evidence.ts";
import type { Invited } from "#core/gate/facts.ts";
import { gate } from "#core/gate/gate.ts";
import type { IgnoreReason } from "#core/gate/reasons.ts";
import { withMark } from "#core/message/mark.ts";
import type { Message } from "#core/message/message.ts";
import { sendMessage } from "#core/protocol/client/messages.ts";
import { stateEvent } from "#core/protocol/client/rooms.ts";
import { type AgentId, BOT, remoteServerOf, type Speaker, splitUserId, userIdOf } from "#core/protocol/ids.ts";
import { NO_DIRECT_CHAT } from "#core/strings/replies.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { InvitationLimits } from "#ports/rooms.ts";
import { causeOf } from "./digest.ts";
import type { Occasion } from "./occasion.ts";
import { intentOf, join } from "./rooms/join.ts";
import { decline, leave, successionNotice } from "./rooms/moves.ts";
import { Trouble } from "./rooms/trouble.ts";
import { type ActNeeds, NO_EFFECTS, type Outcome } from "./wake.ts";

type Accepted = Grounds & Pick<Outcome, "notices" | "members">;

export async function acceptInvitation(needs: ActNeeds, occasion: Occasion, speaker: Speaker): Promise<Accepted> {
  const roomId = occasion.waiting.event.room_id;
  const userId = userIdOf(needs.namespace, speaker);
  const limit = await limitReached(needs, occasion);
  if (limit) {
    await decline(needs, occasion.waiting.event, speaker, limit.reason);
    return { ...limit, notices: [], members: [] };
  }
  let isDirect = occasion.facts.invited?.direct === true;
  const judge = async (intent: Intent, members: readonly string[]) => {
    const found = await findOut(needs, occasion, intent, members);
    isDirect = found.direct;
    return judgeAgain(occasion, intent, found);
  };
  const inviter = remoteServerOf(needs.namespace, occasion.waiting.event.sender);
  const via = inviter === undefined ? [] : [inviter];
  const joined = await join(needs, roomId, speaker, { via, judge });
  if (joined.reason === "join_failed") return joined;
  if (joined.reason !== "join") return { ...joined, members: [] };
  const notices = speaker === BOT ? [] : await successionNotice(needs, roomId, speaker);
  const members = [{ userId, membership: "join" as const, direct: isDirect }];
  return { ...joined, notices: [...joined.notices, ...notices], members };
}

/** Counts the invitation; the grounds where it is one too many. */
async function limitReached(
  { ledger, namespace, invitations }: ActNeeds,
  { waiting: { event }, facts: { invited, sender, nowMs } }: Occasion,
): Promise<Grounds<"invite_limit" | "account_limit" | "family_full"> | undefined> {
  const [, server] = splitUserId(event.sender);
  const reached = await ledger.admit(
    {
      eventId: event.event_id,
      inviter: sender.isLocal ? event.sender : server,
      userId: userIdOf(namespace, invited?.agent ?? BOT),
      family: invited?.family,
      nowMs,
    },
    invitations,
  );
  return reached && GROUNDS[reached](invitations, sender.isLocal ? undefined : server);
}

const GROUNDS = {
  anInviter: ({ anInviter }, server) =>
    grounds("invite_limit", { anHour: anInviter, ...(server === undefined ? {} : { server }) }),
  aFamily: ({ aFamily }) => grounds("account_limit", { anHour: aFamily, of: "family" }),
  families: ({ families }) => grounds("account_limit", { anHour: families, of: "all" }),
  members: ({ members }) => grounds("family_full", { limit: members }),
} satisfies Record<
  keyof InvitationLimits,
  (limits: InvitationLimits, server: string | undefined) => Grounds<"invite_limit" | "account_limit" | "family_full">
>;

type Found = Pick<Invited, "direct" | "follows">;

/** What the invitation said, as far as it is so. */
async function findOut(
  { ledger, namespace }: ActNeeds,
  { waiting: { event }, facts: { invited } }: Occasion,
  intent: Intent,
  members: readonly string[],
): Promise<Found> {
  const roomId = event.room_id;
  const found: Found = { direct: invited?.direct === true && members.length <= 2, follows: false };
  if (invited?.follows) {
    const created = await intent.send(stateEvent(roomId, "m.room.create"));
    if (!created.ok) throw new Trouble(`the beginning of ${roomId} cannot be read`, created.error);
    const { predecessor } = created.value;
    const userId = userIdOf(namespace, invited.agent ?? BOT);
    found.follows = predecessor !== undefined && (await ledger.replacedBy(roomId, userId, predecessor)) !== undefined;
  }
  return found;
}

/** The grounds to leave, where the agent would not have come had the invitation said what is so. Tells the room once. */
async function judgeAgain(
  { message, facts }: Occasion,
  intent: Intent,
  found: Found,
): Promise<Grounds<IgnoreReason> | undefined> {
  const { invited } = facts;
  if (!invited || (invited.direct === found.direct && invited.follows === found.follows)) return undefined;
  const verdict = gate(message, { ...facts, invited: { ...invited, ...found } });
  if (verdict.kind !== "decline" && verdict.kind !== "ignore") return undefined;
  if (invited.direct && !found.direct) await sayWhy(message, intent, invited.agent ?? BOT);
  return grounds(verdict.reason, verdict.evidence);
}

/** Agents leave what was a direct chat. */
export async function leaveOpenedChat(
  needs: ActNeeds,
  { message }: Occasion,
  agents: readonly AgentId[],
): Promise<Outcome> {
  for (const agent of agents) {
    const intent = await intentOf(needs, agent);
    if (intent?.ok) await sayWhy(message, intent.value, agent);
    await leave(needs, message.event.room_id, agent);
  }
  const [about] = agents;
  return { ...NO_EFFECTS, reason: "no_direct_chat", ...(about ? { about } : {}) };
}

/** At once and not by the outbox: afterwards the agent has left. Best effort; a repetition is the same event. */
async function sayWhy({ event }: Message, intent: Intent, speaker: Speaker): Promise<void> {
  const cause = causeOf("left", [event.room_id, event.event_id]);
  const mark = { agent: speaker, turn: cause, part: 0, hop: 0, kind: "notice" as const };
  const content = withMark({ msgtype: "m.notice", body: NO_DIRECT_CHAT, "m.mentions": {} }, mark);
  await intent.send(sendMessage(event.room_id, cause, content));
}
