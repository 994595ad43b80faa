/** Commands, obeyed: each is a function of its own; what it answers is said as a notice where it was asked. */
import type { Agent } from "#core/agent.ts";
import type { Ordered } from "#core/gate/facts.ts";
import type { CommandName } from "#core/message/command.ts";
import { relationsOf } from "#core/message/text.ts";
import type { EventId } from "#core/protocol/ids.ts";
import { NAME_ONE } from "#core/strings.ts";
import type { Decision, RoomLook } from "#ports";
import type { JoinNeeds } from "../join.ts";
import { digest } from "../new-turn.ts";
import { type Asked, type Brought, type WakeNeeds, wake } from "../wake.ts";
import { agents, debug, help, status, whoami, why } from "./answers.ts";
import { begin, joinRoom, leaveRoom, model, mute, queue, setHome, stop, thread, unmute } from "./changes.ts";
import { allow, deny, pair } from "./pairing.ts";

export type CommandNeeds = JoinNeeds & WakeNeeds;

/** A command with all that is known of where it was said. */
export interface Order {
  needs: CommandNeeds;
  asked: Asked;
  room: RoomLook;
  args: string;
  /** The first of them is the one that permitted it. */
  agents: readonly Agent[];
  isAdmin: boolean;
  thread: EventId | undefined;
}

/** What a command brings: something to say, in Markdown, and perhaps something to tell what runs. */
export interface Obeyed {
  say?: string;
  controls?: Decision["controls"];
}

const COMMAND: Record<CommandName, (order: Order) => Promise<Obeyed> | Obeyed> = {
  ...{ help, new: begin, stop, status, whoami, agents, model, thread, queue },
  ...{ pair, allow, deny, join: joinRoom, leave: leaveRoom, sethome: setHome, mute, unmute, debug, why },
};

/** Everything a command does may be done twice: a crash before the verdict is written does it again. */
export async function obey(needs: CommandNeeds, asked: Asked, room: RoomLook, ordered: Ordered): Promise<Brought> {
  const { command, speaker } = ordered;
  const { event } = asked.waiting;
  const thread = relationsOf(event).threadRoot;
  const meant = asked.facts.present.filter(({ agent }) => ordered.agents.includes(agent.id)).map(({ agent }) => agent);
  const order: Order = { needs, asked, room, args: command.args, agents: meant, isAdmin: ordered.isAdmin, thread };
  const obeyed = meant.length > 0 ? await COMMAND[command.name](order) : { say: NAME_ONE };
  const then = ordered.then ? await wake(needs, asked, ordered.then) : undefined;
  const cause = `cmd-${digest([event.event_id]).slice(0, 20)}`;
  const place = { agent: speaker, roomId: event.room_id, cause, ...(thread ? { threadRoot: thread } : {}) };
  const said = obeyed.say === undefined ? [] : [needs.delivery.notice(place, obeyed.say)];
  return {
    reason: `command_${command.name}`,
    turns: then?.turns ?? [],
    controls: [...(obeyed.controls ?? []), ...(then?.controls ?? [])],
    notices: [...said, ...(then?.notices ?? [])],
    ...(speaker ? { about: speaker } : {}),
  };
}
