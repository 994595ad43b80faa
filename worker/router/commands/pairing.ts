/** Commands that let users talk to an agent, or no longer: `pair`, `allow`, `deny`. */
import { UserId } from "#core/protocol/ids.ts";
import {
  allowed,
  CODE_INVALID,
  CODE_NEEDED,
  DENIED,
  NO_REQUESTS,
  NOTHING_TO_DENY,
  requests,
  USER_ID_NEEDED,
  USER_OR_CODE_NEEDED,
  welcome,
} from "#core/strings/pairing.ts";
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
  const approved = isAdmin ? await ledger.approve(args, nowMs, agent.id) : undefined;
  if (approved) return { say: allowed(approved.userId, agent.name) };
  const isIn = await ledger.useInviteCode(agent.id, args, occasion.waiting.event.sender, nowMs);
  return { say: isIn ? welcome(agent.name) : CODE_INVALID };
}

export async function allow({ needs, occasion, args, concerned }: Order): Promise<Obeyed> {
  const [agent] = concerned.map((one) => one.agent);
  const userId = userNamed(occasion, args);
  if (!agent || !userId) return { say: USER_ID_NEEDED };
  await needs.ledger.allow(agent.id, userId, occasion.facts.nowMs);
  return { say: allowed(userId, agent.name) };
}

export async function deny({ needs, args, concerned }: Order): Promise<Obeyed> {
  const [agent] = concerned.map((one) => one.agent);
  if (!agent || args === "") return { say: USER_OR_CODE_NEEDED };
  return { say: (await needs.ledger.deny(agent.id, args)) ? DENIED : NOTHING_TO_DENY };
}

/** The user an argument names, by whole user id or by a mention that the client made of it. */
function userNamed({ message, facts }: Order["occasion"], args: string): UserId | undefined {
  const whole = UserId.safeParse(args).data;
  if (whole) return whole.includes("*") ? undefined : whole;
  const ours = facts.present.map(({ userId }) => userId);
  return message.addressed.users.find((userId) => !ours.includes(userId));
}
