/** Commands that only answer. */
import { permittedCommands } from "#core/gate/commands.ts";
import { type Concerned, isDirect } from "#core/gate/facts.ts";
import { circlesOf } from "#core/gate/permits.ts";
import { explain } from "#core/gate/why.ts";
import { describeCommand } from "#core/message/command.ts";
import { relationsOf } from "#core/message/text.ts";
import { NO_SUCH_MESSAGE } from "#core/strings/replies.ts";
import { conversationOf, type Obeyed, type Order } from "./order.ts";

const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join("\n");
const code = (text: string): string => `\`${text}\``;

export function help(order: Order): Obeyed {
  const [first] = order.concerned;
  if (!first) return {};
  const { prefix } = first.agent.settings;
  const names = permittedCommands(order.asked.waiting.event, order.asked.facts, first);
  const lines = names.map((name) => {
    const { usage, sentence } = describeCommand(name);
    return `${code(`${prefix}${name}${usage ? ` ${usage}` : ""}`)} ${sentence}`;
  });
  return { say: `What you can say here:\n\n${list(lines)}\n\nAmong several agents, mention the one you mean.` };
}

export function agents({ asked, room }: Order): Obeyed {
  const lines = asked.facts.present.map(({ agent, userId }) => `**${agent.name}** ${code(userId)}`);
  const more = room.crowded ? "\n\nThere are more." : "";
  return { say: `Agents here:\n\n${list(lines)}${more}` };
}

export function whoami(order: Order): Obeyed {
  const { event } = order.asked.waiting;
  const { sender } = order.asked.facts;
  const lines = order.concerned.map((concerned) => {
    const { users, admins } = circlesOf(event, order.asked.facts, concerned);
    const what = [users ? "may talk to it" : "may not talk to it", admins ? "and are its admin" : ""].filter(Boolean);
    return `**${concerned.agent.name}**: you ${what.join(" ")}${concerned.paired ? ", by pairing" : ""}`;
  });
  const power = sender.power === Number.MAX_SAFE_INTEGER ? "that of the room's creator" : sender.power;
  const home = sender.isLocal ? "a user of this homeserver" : "from another homeserver";
  return { say: `You are ${code(event.sender)}, ${home}; your power level here is ${power}.\n\n${list(lines)}` };
}

export async function status(order: Order): Promise<Obeyed> {
  const lines = await Promise.all(order.concerned.map((one) => statusOf(order, one)));
  const { muted, state } = order.room;
  const about = [muted ? "**muted**" : "", state.encrypted ? "encrypted: nothing can be read here" : ""].filter(
    Boolean,
  );
  return { say: [...(about.length > 0 ? [`This room is ${about.join(" and ")}.`] : []), list(lines)].join("\n\n") };
}

async function statusOf(order: Order, concerned: Concerned): Promise<string> {
  const { agent } = concerned;
  const direct = isDirect(concerned, order.asked.facts.room);
  const { session } = await conversationOf(order, concerned);
  const { count } = await order.needs.ledger.waitingIn(session);
  const { settings, turns } = agent;
  const answers = direct
    ? "answers everything (a direct chat)"
    : settings.mention
      ? "answers when mentioned"
      : "answers everything";
  const model = settings.model || String(agent.backend["model"] ?? "");
  return [
    `**${agent.name}** by ${code(agent.backend.use)}${model && !model.startsWith("$") ? ` with ${code(model)}` : ""}`,
    answers,
    `a conversation is one ${(direct ? settings.dmScope : settings.scope).replace("+", " and ")}`,
    `answers go ${WHERE[direct ? settings.dmThreads : settings.threads]}`,
    `while busy: ${turns.whileBusy}`,
    count === 0 ? "idle" : `at work, ${count} in line`,
  ].join("; ");
}

const WHERE = { off: "into the room", inbound: "where the question was", always: "into threads" } as const;

export async function debug(order: Order): Promise<Obeyed> {
  const { asked, room } = order;
  const { event } = asked.waiting;
  const sessions = await Promise.all(
    order.concerned.map(async (one) => {
      const direct = isDirect(one, asked.facts.room);
      const { session } = await conversationOf(order, one);
      return { agent: one.agent.id, session, direct, invitedDirectly: one.invitedDirectly, paired: one.paired };
    }),
  );
  const { name, encrypted, predecessor, replacement } = room.state;
  const known = {
    ...{ room: event.room_id, origin: room.origin, name, encrypted, predecessor, replacement, aliases: room.aliases },
    ...{
      joined: room.joinedCount,
      muted: room.muted,
      sender: asked.facts.sender,
      thread: asked.facts.thread,
      sessions,
    },
  };
  return { say: `\`\`\`json\n${JSON.stringify(known, null, 2).replaceAll("`", "'")}\n\`\`\`` };
}

/** Of the message that is replied to, or of the last one somebody else than us said. Of other rooms nothing is told. */
export async function why({ needs, asked }: Order): Promise<Obeyed> {
  const { event } = asked.waiting;
  const { repliedTo } = relationsOf(event);
  const found = repliedTo
    ? await needs.ledger.verdictOf(repliedTo)
    : (await needs.ledger.verdictsIn(event.room_id, 1)).at(0);
  if (found?.roomId !== event.room_id || found.verdict === undefined) return { say: NO_SUCH_MESSAGE };
  return { say: explain(found.verdict, found.about) };
}
