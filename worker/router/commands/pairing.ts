/** Commands that let users talk to an agent, or no longer: `pair`, `allow`, `deny`. */
import { BOUNDS } from "#core/bounds.ts";
import type { Agent } from "#core/configuration/agent.ts";
import { unquoted, usersNamed } from "#core/message/argument.ts";
import type { UserId } from "#core/protocol/ids.ts";
import {
  allowed,
  CODE_INVALID,
  CODE_NEEDED,
  DENIED,
  denied,
  MEMBERS_UNKNOWN,
  NO_REQUESTS,
  NOTHING_TO_DENY,
  notLetIn,
  ONE_USER,
  requests,
  severalNamed,
  USER_ID_NEEDED,
  USER_OR_CODE_NEEDED,
  welcome,
} from "#core/strings/pairing.ts";
import { membersNamed } from "./member-names.ts";
import type { Obeyed, Order } from "./order.ts";

/** Only an admin approves the code of another user. With an invite code of the operator's a user lets themselves in. */
export async function pair({ needs: { ledger }, occasion, args, concerned, isAdmin }: Order): Promise<Obeyed> {
  const [agent] = concerned.map((one) => one.agent);
  if (!agent) return {};
  const { nowMs } = occasion.facts;
  if (args === "") {
    if (!isAdmin) return { say: CODE_NEEDED };
    const waiting = (await ledger.pairings(nowMs)).filter((one) => one.agent === agent.id);
    return { say: waiting.length > 0 ? requests(waiting) : NO_REQUESTS };
  }
  const code = unquoted(args);
  const approved = isAdmin ? await ledger.approve(code, nowMs, agent.id) : undefined;
  if (approved) return { say: allowed(approved.userId, agent.name) };
  const isIn = await ledger.useInviteCode(agent.id, code, occasion.waiting.event.sender, nowMs);
  return { say: isIn ? welcome(agent.name) : CODE_INVALID };
}

export async function allow({ needs, occasion, args, concerned }: Order): Promise<Obeyed> {
  const [agent] = concerned.map((one) => one.agent);
  const [userId, another] = usersIn(occasion, args);
  if (another) return { say: ONE_USER };
  if (!agent || !userId) return { say: USER_ID_NEEDED };
  await needs.ledger.allow(agent.id, userId, occasion.facts.nowMs);
  return { say: allowed(userId, agent.name) };
}

/** A user id, a pill, a link, a code, or else the name that one member has in this room. */
export async function deny({ needs, occasion, args, concerned }: Order): Promise<Obeyed> {
  const [agent] = concerned.map((one) => one.agent);
  if (!agent || args === "") return { say: USER_OR_CODE_NEEDED };
  const [userId, another] = usersIn(occasion, args);
  if (another) return { say: ONE_USER };
  if (userId) return { say: await denyUser(needs, agent, userId) };
  if (await needs.ledger.deny(agent.id, unquoted(args))) return { say: DENIED };
  const members = await membersNamed(needs, agent.id, occasion.waiting.event.room_id, args);
  if (!members) return { say: MEMBERS_UNKNOWN };
  const [member, ...more] = members;
  if (!member) return { say: NOTHING_TO_DENY };
  return {
    say:
      more.length > 0
        ? severalNamed(members.slice(0, BOUNDS.namesakes.max), members.length > BOUNDS.namesakes.max)
        : await denyUser(needs, agent, member),
  };
}

const denyUser = async ({ ledger }: Order["needs"], { id, name }: Agent, userId: UserId): Promise<string> =>
  (await ledger.deny(id, userId)) ? denied(userId, name) : notLetIn(userId, name);

/** The users an argument names; the agents of the room are named to say whom the command is for. */
const usersIn = ({ message, facts }: Order["occasion"], args: string): UserId[] =>
  usersNamed(args, message, (id) => id === facts.room.botUserId || facts.present.some(({ userId }) => userId === id));
