/** Commands that only answer. */
import { permittedCommands } from "#core/gate/commands.ts";
import { type Concerned, isDirect } from "#core/gate/facts.ts";
import { circlesOf } from "#core/gate/permits.ts";
import { describeCommand } from "#core/message/command.ts";
import {
  type AgentStatus,
  agentsHere,
  debugBlock,
  NO_SUCH_MESSAGE,
  help as sayHelp,
  statusOf,
  whoYouAre,
} from "#core/strings/commands.ts";
import { aliasMeanings, explainStored, saysAliases } from "#core/strings/reasons.ts";
import { conversationOf, type Obeyed, type Order } from "./order.ts";

export function help({ concerned, occasion: { message, facts } }: Order): Obeyed {
  const [first] = concerned;
  if (!first) return {};
  const names = permittedCommands(message, facts, first);
  return {
    say: sayHelp(
      first.agent.settings.prefix,
      names.map((name) => ({ name, ...describeCommand(name) })),
    ),
  };
}

export function listAgents({ occasion: { facts } }: Order): Obeyed {
  const agents = facts.present.map(({ agent, userId }) => ({ name: agent.name, userId }));
  return { say: agentsHere(agents, facts.room.crowded) };
}

export function whoami({ concerned, occasion: { message, facts } }: Order): Obeyed {
  const { isLocal, power } = facts.sender;
  const standings = concerned.map((one) => {
    const { users, admins } = circlesOf(message, facts, one);
    return { agent: one.agent.name, isUser: users, isAdmin: admins, isPaired: one.paired };
  });
  return { say: whoYouAre({ userId: message.event.sender, isLocal, power }, standings) };
}

export async function status(order: Order): Promise<Obeyed> {
  const { muted, state } = order.occasion.facts.room;
  const agents = await Promise.all(order.concerned.map((one) => agentStatus(order, one)));
  return { say: statusOf({ muted, encrypted: state.encrypted }, agents) };
}

async function agentStatus(order: Order, concerned: Concerned): Promise<AgentStatus> {
  const { name, backend, settings, turns } = concerned.agent;
  const direct = isDirect(concerned, order.occasion.facts.room);
  const { waiting } = await conversationOf(order, concerned);
  const model = settings.model || String(backend["model"] ?? "");
  return {
    name,
    backend: backend.use,
    // A `$NAME` refers to the operator's environment, which users are not told about.
    model: model.startsWith("$") ? "" : model,
    direct,
    needsMention: settings.mention,
    scope: direct ? settings.dmScope : settings.scope,
    threads: direct ? settings.dmThreads : settings.threads,
    whileBusy: turns.whileBusy,
    waiting: waiting.count,
  };
}

export async function debug(order: Order): Promise<Obeyed> {
  const { room, sender, thread } = order.occasion.facts;
  const sessions = await Promise.all(
    order.concerned.map(async (one) => {
      const direct = isDirect(one, room);
      const { session } = await conversationOf(order, one);
      return { agent: one.agent.id, session, direct, invitedDirectly: one.invitedDirectly, paired: one.paired };
    }),
  );
  const { name, encrypted, predecessor, replacement } = room.state;
  return {
    say: debugBlock({
      room: room.id,
      origin: room.origin,
      name,
      encrypted,
      ...(predecessor ? { predecessor } : {}),
      ...(replacement ? { replacement } : {}),
      aliases: [...room.aliases],
      joined: room.joinedCount,
      muted: room.muted,
      sender: { ...sender },
      ...(thread ? { thread: { ...thread } } : {}),
      sessions,
    }),
  };
}

/** Explains the message that is replied to, or else the room's latest one. It tells nothing about other rooms. */
export async function why({ needs, occasion: { message } }: Order): Promise<Obeyed> {
  const { room_id: roomId } = message.event;
  const { repliedTo } = message.relations;
  const found = repliedTo ? await needs.ledger.verdictOf(repliedTo) : (await needs.ledger.verdictsIn(roomId, 1)).at(0);
  if (found?.roomId !== roomId || found.verdict === undefined) return { say: NO_SUCH_MESSAGE };
  const aliases = saysAliases(found.verdict) ? aliasMeanings(await needs.ledger.aliases(), roomId) : undefined;
  return { say: explainStored(found.verdict, found.evidence, found.about, aliases) };
}
