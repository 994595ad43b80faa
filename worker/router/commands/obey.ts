/** Obeys commands: each has a function, and its answer is sent as a notice where the command was given. */
import { BOUNDS } from "#core/bounds.ts";
import { grounds } from "#core/gate/evidence.ts";
import { aboutOf, type Ordered } from "#core/gate/facts.ts";
import type { CommandName } from "#core/message/command.ts";
import { NAME_ONE } from "#core/strings/commands.ts";
import type { NoticePlace } from "#ports/delivery.ts";
import { causeOf } from "../digest.ts";
import type { Occasion } from "../occasion.ts";
import { type ActNeeds, NO_EFFECTS, type Outcome, wake } from "../wake.ts";
import { debug, help, listAgents, status, whoami, why } from "./answers.ts";
import { begin, joinRoom, leaveRoom, model, mute, queue, setHome, stop, thread, unmute } from "./changes.ts";
import type { Obeyed, Order } from "./order.ts";
import { allow, deny, pair } from "./pairing.ts";

const COMMAND: Record<CommandName, (order: Order) => Promise<Obeyed> | Obeyed> = {
  help,
  new: begin,
  stop,
  status,
  whoami,
  agents: listAgents,
  model,
  thread,
  queue,
  pair,
  allow,
  deny,
  join: joinRoom,
  leave: leaveRoom,
  sethome: setHome,
  mute,
  unmute,
  debug,
  why,
};

/** Further commands of a user are ignored without an answer. */
const COMMANDS_PER_MINUTE = BOUNDS.commands.max;

/** Every command is idempotent: a crash before its verdict is stored repeats it. */
export async function obey(needs: ActNeeds, occasion: Occasion, ordered: Ordered): Promise<Outcome> {
  const { command, speaker, concerned, isAdmin } = ordered;
  const { event, relations } = occasion.message;
  const bucket = { key: `command:${event.sender}`, perMinute: COMMANDS_PER_MINUTE };
  if ((await needs.ledger.takeTokens([bucket], occasion.facts.nowMs)) > 0)
    return { ...NO_EFFECTS, ...grounds("command_limit", { perMinute: COMMANDS_PER_MINUTE }) };
  const thread = relations.threadRoot;
  const order: Order = { needs, occasion, args: command.args, concerned, isAdmin, thread };
  const obeyed = concerned.length > 0 ? await COMMAND[command.name](order) : { say: NAME_ONE };
  const then = ordered.then ? await wake(needs, occasion, ordered.then) : NO_EFFECTS;
  const cause = causeOf("cmd", [event.event_id]);
  const place: NoticePlace = {
    agent: speaker,
    roomId: event.room_id,
    cause,
    ...(thread ? { threadRoot: thread } : {}),
  };
  const answer = obeyed.say === undefined ? [] : [needs.delivery.notice(place, obeyed.say)];
  return {
    reason: `command_${command.name}`,
    turns: then.turns,
    controls: [...(obeyed.controls ?? []), ...then.controls],
    notices: [...answer, ...(obeyed.notices ?? []), ...then.notices],
    ...aboutOf(speaker),
  };
}
