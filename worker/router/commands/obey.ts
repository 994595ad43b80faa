/** Commands, obeyed: each is a function of its own; what it answers is said as a notice where it was asked. */
import type { Ordered } from "#core/gate/facts.ts";
import type { CommandName } from "#core/message/command.ts";
import { relationsOf } from "#core/message/text.ts";
import { BOT } from "#core/protocol/ids.ts";
import { NAME_ONE } from "#core/strings/replies.ts";
import type { NoticePlace } from "#ports/delivery.ts";
import type { RoomLook } from "#ports/rooms.ts";
import { digest } from "../digest.ts";
import { type Asked, type Brought, wake } from "../wake.ts";
import { debug, help, agents as listAgents, status, whoami, why } from "./answers.ts";
import { begin, joinRoom, leaveRoom, model, mute, queue, setHome, stop, thread, unmute } from "./changes.ts";
import type { CommandNeeds, Obeyed, Order } from "./order.ts";
import { allow, deny, pair } from "./pairing.ts";

const COMMAND: Record<CommandName, (order: Order) => Promise<Obeyed> | Obeyed> = {
  ...{ help, new: begin, stop, status, whoami, agents: listAgents, model, thread, queue },
  ...{ pair, allow, deny, join: joinRoom, leave: leaveRoom, sethome: setHome, mute, unmute, debug, why },
};

/** What somebody may say to us in a minute; beyond it nothing is done and nothing said. */
const COMMANDS_PER_MINUTE = 30;

/** Everything a command does may be done twice: a crash before the verdict is written does it again. */
export async function obey(needs: CommandNeeds, asked: Asked, room: RoomLook, ordered: Ordered): Promise<Brought> {
  const { command, speaker } = ordered;
  const { event } = asked.waiting;
  const bucket = { key: `command:${event.sender}`, perMinute: COMMANDS_PER_MINUTE };
  if ((await needs.ledger.takeTokens([bucket], asked.facts.nowMs)) > 0)
    return { reason: "command_limit", turns: [], controls: [], notices: [] };
  const thread = relationsOf(event).threadRoot;
  const concerned = asked.facts.present.filter(({ agent }) => ordered.agents.includes(agent.id));
  const agents = concerned.map(({ agent }) => agent);
  const order: Order = { needs, asked, room, args: command.args, concerned, agents, isAdmin: ordered.isAdmin, thread };
  const obeyed = agents.length > 0 ? await COMMAND[command.name](order) : { say: NAME_ONE };
  const then = ordered.then ? await wake(needs, asked, ordered.then) : undefined;
  const cause = `cmd-${digest([event.event_id]).slice(0, 20)}`;
  const place: NoticePlace = {
    agent: speaker ?? BOT,
    roomId: event.room_id,
    cause,
    ...(thread ? { threadRoot: thread } : {}),
  };
  const said = obeyed.say === undefined ? [] : [needs.delivery.notice(place, obeyed.say)];
  return {
    reason: `command_${command.name}`,
    turns: then?.turns ?? [],
    controls: [...(obeyed.controls ?? []), ...(then?.controls ?? [])],
    notices: [...said, ...(obeyed.notices ?? []), ...(then?.notices ?? [])],
    ...(speaker ? { about: speaker } : {}),
  };
}
