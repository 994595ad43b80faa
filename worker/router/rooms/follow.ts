/** A room was replaced: each agent that listens to the user who says so moves on, if the new room says so too. */
import type { Concerned, Facts } from "#core/gate/facts.ts";
import { refusal } from "#core/gate/permits.ts";
import type { Message } from "#core/message/message.ts";
import { stateEvent } from "#core/protocol/client/rooms.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import { type AgentId, BOT, type RoomId, type UserId } from "#core/protocol/ids.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import { lookUp } from "./aliases.ts";
import { intentOf, type JoinNeeds, type Judge, joinAtOnce } from "./join.ts";
import { pagesOfOurs, successionNotice } from "./moves.ts";
import type { Progress, Stint } from "./stint.ts";
import { Trouble } from "./trouble.ts";

interface Upgrade {
  waiting: WaitingEvent;
  message: Message;
  facts: Facts;
  to: RoomId;
}

/**
 * The agents that listen to the sender of the tombstone join the new room, and the bot with them. None stays where the new
 * room does not say that it replaces this one. Where the join takes an invitation, the agent waits for it: it follows its
 * users into the replacement of a room it is in.
 */
export async function follow(needs: JoinNeeds, upgrade: Upgrade, stint: Stint): Promise<OutboxRow[] | "unfinished"> {
  const { message, facts, to } = upgrade;
  const { room_id: from, sender } = message.event;
  const { aliases } = await needs.ledger.room(from);
  await needs.ledger.setReplacement(from, to, upgrade.waiting.seq);
  return stint.work(async (progress, mayGoOn) => {
    const { notices } = progress;
    const moved = await moveAll(needs, upgrade, progress, mayGoOn);
    if (moved !== "all") return moved === "unfinished" ? moved : [];
    if (!progress.hasMoved) return [];
    if (facts.room.botUserId !== undefined) notices.push(...(await joinAtOnce(needs, to, BOT, sender)).notices);
    // The homeserver moves aliases to the new room; settings for an alias hold there at once.
    await lookUp(needs, aliases);
    return notices;
  });
}

async function moveAll(
  needs: JoinNeeds,
  upgrade: Upgrade,
  progress: Progress,
  mayGoOn: () => boolean,
): Promise<"all" | "unfinished" | "not_this_room"> {
  let claim: Claim | undefined = progress.hasMoved ? "this_room" : undefined;
  for await (const { userId, agent } of usersWithAgents(needs, upgrade, progress.after)) {
    if (!mayGoOn()) return "unfinished";
    if (agent !== undefined) {
      claim ??= await claimOf(needs, agent, upgrade);
      const joined = await move(needs, upgrade, agent, claim);
      if (joined === "not_this_room") return joined;
      // Where one of them is, it has read that.
      if (joined !== "not_moved") claim = arrive(progress, joined);
    }
    progress.after = userId;
  }
  return "all";
}

/** Our users in the room, in the order of their ids; with the agent where it listens to the sender. */
async function* usersWithAgents(needs: JoinNeeds, upgrade: Upgrade, after: string) {
  for await (const users of pagesOfOurs(needs, upgrade.message.event.room_id, after)) {
    const agents = await listeningAmong(needs, upgrade, users);
    for (const userId of users) yield { userId, agent: agents.get(userId) };
  }
}

function arrive(progress: Progress, notices: readonly OutboxRow[]): Claim {
  progress.hasMoved = true;
  progress.notices.push(...notices);
  return "this_room";
}

/** The agents among these users that listen to the sender there. Each is judged for itself. */
async function listeningAmong(
  needs: JoinNeeds,
  { message, facts }: Upgrade,
  users: readonly UserId[],
): Promise<Map<UserId, AgentId>> {
  const { room_id: from, sender } = message.event;
  const { paired } = await needs.ledger.sender(from, { sender });
  const present = await needs.ledger.presentIn(from, users, undefined);
  const listening = present
    .map((one): Concerned => ({ ...one, paired: paired.includes(one.agent.id) }))
    .filter((one) => users.includes(one.userId) && refusal(message, facts, one) === undefined);
  return new Map(listening.map(({ userId, agent }) => [userId, agent.id]));
}

async function move(
  needs: JoinNeeds,
  { message, to }: Upgrade,
  agent: AgentId,
  claim: Claim,
): Promise<OutboxRow[] | "not_moved" | "not_this_room"> {
  if (claim === "another_room") return "not_this_room";
  const { room_id: from, sender } = message.event;
  const judge = claim === "unread" ? mustReplace(from, to) : undefined;
  const joined = await joinAtOnce(needs, to, agent, sender, judge);
  if (joined.reason === NOT_REPLACED) return "not_this_room";
  return joined.reason === "join" ? [...joined.notices, ...(await successionNotice(needs, to, agent))] : "not_moved";
}

/** Which room a room says that it replaces. */
type Claim = "this_room" | "another_room" | "unread";

/** What the new room says of itself, where that can be read without joining it. */
async function claimOf(needs: JoinNeeds, agent: AgentId, { message, to }: Upgrade): Promise<Claim> {
  const intent = await intentOf(needs, agent);
  const created = intent?.ok ? await intent.value.send(stateEvent(to, "m.room.create")) : undefined;
  // Every room has a creator: without one nothing was read.
  if (!created?.ok || created.value.creators === undefined) return "unread";
  return created.value.predecessor === message.event.room_id ? "this_room" : "another_room";
}

/** The reason to leave a room that was joined as the replacement of another, and is none. */
const NOT_REPLACED = "state";

const mustReplace =
  (from: RoomId, to: RoomId): Judge =>
  async (intent) => {
    const created = await intent.send(stateEvent(to, "m.room.create"));
    if (!created.ok && isPassing(created.error))
      throw new Trouble(`the beginning of ${to} cannot be read`, created.error);
    return created.ok && created.value.predecessor === from ? undefined : { reason: NOT_REPLACED };
  };
