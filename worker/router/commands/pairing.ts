/** Who is let in: codes that somebody was given, and an admin's word. */
import { addressedIn } from "#core/message/mention.ts";
import { UserId } from "#core/protocol/ids.ts";
import { CODE_UNKNOWN } from "#core/strings/replies.ts";
import type { Obeyed, Order } from "./order.ts";

/** Only an admin approves; with a code an owner made everybody lets themselves in. The answer to a wrong code is always the same. */
export async function pair({ needs, asked, args, agents, isAdmin }: Order): Promise<Obeyed> {
  const [agent] = agents;
  if (!agent) return {};
  const { nowMs } = asked.facts;
  const { ledger } = needs;
  if (args === "") {
    if (!isAdmin) return { say: "Say it with the code you were given." };
    const waiting = (await ledger.pairings(nowMs)).filter((one) => one.agent === agent.id);
    const lines = waiting.map(({ userId, code }) => `- \`${userId}\` asks with \`${code}\``);
    return { say: lines.length > 0 ? lines.join("\n") : "Nobody asks to be let in." };
  }
  const approved = isAdmin ? await ledger.approve(args, nowMs, agent.id) : undefined;
  if (approved) return { say: `\`${approved.userId}\` may talk to **${agent.name}** now.` };
  const isIn = await ledger.useInviteCode(agent.id, args, asked.waiting.event.sender, nowMs);
  return { say: isIn ? `Welcome. You may talk to **${agent.name}** now.` : CODE_UNKNOWN };
}

export async function allow({ needs, asked, args, agents }: Order): Promise<Obeyed> {
  const [agent] = agents;
  const userId = personNamed(asked, args);
  if (!agent || !userId) return { say: "It needs a whole user id, such as `@alice:example.org`." };
  await needs.ledger.allow(agent.id, userId, asked.facts.nowMs);
  return { say: `\`${userId}\` may talk to **${agent.name}** now.` };
}

export async function deny({ needs, args, agents }: Order): Promise<Obeyed> {
  const [agent] = agents;
  if (!agent || args === "") return { say: "It needs a user id or a code." };
  const wasThere = await needs.ledger.deny(agent.id, args);
  return {
    say: wasThere ? "Done." : "Nobody of that name was let in, and there is no such code; `users` is set elsewhere.",
  };
}

/** By whole user id, or by the mention that clients put in its place. */
function personNamed({ waiting, facts }: Order["asked"], args: string): UserId | undefined {
  const whole = UserId.safeParse(args).data;
  if (whole) return whole.includes("*") ? undefined : whole;
  const ours = facts.present.map(({ userId }) => userId);
  return addressedIn(waiting.event.content).users.find((userId) => !ours.includes(userId));
}
