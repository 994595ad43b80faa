/** A room was replaced: each agent that listens to the user who says so moves on, if the new room says so too. */
import type { Concerned, Facts } from "#core/gate/facts.ts";
import { refusal } from "#core/gate/permits.ts";
import type { Message } from "#core/message/message.ts";
import { stateEvent } from "#core/protocol/client/rooms.ts";
import { isPassing } from "#core/protocol/errcode.ts";
import { type AgentId, BOT, type RoomId } from "#core/protocol/ids.ts";
import type { WaitingEvent } from "#core/turn/turn.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import { lookUp } from "./aliases.ts";
import { intentOf, type JoinNeeds, type Judge, joinAtOnce } from "./join.ts";
import { ourUsersIn, successionNotice } from "./moves.ts";
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
export async function follow(needs: JoinNeeds, upgrade: Upgrade): Promise<OutboxRow[]> {
  const { message, facts, to } = upgrade;
  const { room_id: from, sender } = message.event;
  const { aliases } = await needs.ledger.room(from);
  await needs.ledger.setReplacement(from, to, upgrade.waiting.seq);
  const notices: OutboxRow[] = [];
  let hasMoved = false;
  let claim: Claim | undefined;
  for (const agent of await listeningIn(needs, upgrade)) {
    claim ??= await claimOf(needs, agent, from, to);
    const joined = claim === "another_room" ? "not_this_room" : await move(needs, upgrade, agent, claim);
    if (joined === "not_this_room") return [];
    if (joined === "not_moved") continue;
    // Another agent is there, and it has read that.
    claim = "this_room";
    hasMoved = true;
    notices.push(...joined);
  }
  if (!hasMoved) return [];
  if (facts.room.botUserId !== undefined) notices.push(...(await joinAtOnce(needs, to, BOT, sender)).notices);
  // The homeserver moves aliases to the new room; settings for an alias hold there at once.
  await lookUp(needs, aliases);
  return notices;
}

/** The agents in the room that listen to the sender there. Each is judged for itself. */
async function listeningIn(needs: JoinNeeds, { message, facts }: Upgrade): Promise<AgentId[]> {
  const { room_id: from, sender } = message.event;
  const users = await ourUsersIn(needs, from);
  const { paired } = await needs.ledger.sender(from, { sender });
  const present = await needs.ledger.presentIn(from, users, undefined);
  return present
    .map((one): Concerned => ({ ...one, paired: paired.includes(one.agent.id) }))
    .filter((one) => users.includes(one.userId) && refusal(message, facts, one) === undefined)
    .map(({ agent }) => agent.id);
}

async function move(
  needs: JoinNeeds,
  { message, to }: Upgrade,
  agent: AgentId,
  claim: Claim,
): Promise<OutboxRow[] | "not_moved" | "not_this_room"> {
  const { room_id: from, sender } = message.event;
  const judge = claim === "unread" ? mustReplace(from, to) : undefined;
  const joined = await joinAtOnce(needs, to, agent, sender, judge);
  if (joined.reason === NOT_REPLACED) return "not_this_room";
  return joined.reason === "join" ? [...joined.notices, ...(await successionNotice(needs, to, agent))] : "not_moved";
}

/** Which room a room says that it replaces. */
type Claim = "this_room" | "another_room" | "unread";

/** What the new room says of itself, where that can be read without joining it. */
async function claimOf(needs: JoinNeeds, agent: AgentId, from: RoomId, to: RoomId): Promise<Claim> {
  const intent = await intentOf(needs, agent);
  const created = intent?.ok ? await intent.value.send(stateEvent(to, "m.room.create")) : undefined;
  // Every room has a creator: without one nothing was read.
  if (!created?.ok || created.value.creators === undefined) return "unread";
  return created.value.predecessor === from ? "this_room" : "another_room";
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
