/** Commands: whom one concerns, who answers, and whether its sender may say it. */

import { isListed, type Person } from "../access/access.ts";
import { BOT_NAME } from "../configuration/agent.ts";
import {
  COMMAND_NAMES,
  type Command,
  type CommandName,
  describeCommand,
  parseCommand,
  structuredCommand,
} from "../message/command.ts";
import { withoutMention } from "../message/mention.ts";
import type { RoomEvent } from "../protocol/event.ts";
import type { Addressee } from "./addressees.ts";
import type { Concerned, Facts, Ordered } from "./facts.ts";
import { circlesOf, personOf, refusal } from "./permits.ts";
import type { IgnoreReason } from "./why.ts";

/** Named by a mention, a reply or the direct chat; the others only listen. */
const isNamed = ({ because }: Addressee): boolean => because !== "listening";

/** The command a message is, whoever it is addressed to; undefined for chat. */
export function commandIn(event: RoomEvent, text: string, facts: Facts): Command | undefined {
  const structured = structuredCommand(event.content);
  if (structured) return structured;
  const own = withoutCalls(text, facts);
  const prefixes = new Set(facts.present.map(({ agent }) => agent.settings.prefix));
  for (const prefix of prefixes) {
    const command = parseCommand(own, prefix);
    if (command) return command;
  }
  return undefined;
}

/** A text without all the calls it begins with. Of two names that begin alike the longer is tried first. */
function withoutCalls(text: string, { present, room: { botUserId } }: Facts): string {
  const agents = present.map(({ agent, userId }) => ({ name: agent.name, userId }));
  const all = [...agents, ...(botUserId ? [{ name: BOT_NAME, userId: botUserId }] : [])];
  const calls = all.toSorted((one, other) => other.name.length - one.name.length);
  const withoutOne = (rest: string) =>
    calls.reduce((left, { name, userId }) => withoutMention(left, name, userId), rest);
  return calls.reduce(withoutOne, text);
}

/** The command with whom it concerns, or why it is not obeyed. What stands below it is for the caller. */
export function gateCommand(
  event: RoomEvent,
  facts: Facts,
  command: Command,
  addressed: readonly Addressee[],
): Ordered | { kind: "ignore"; reason: IgnoreReason; about?: Concerned["agent"]["id"] } {
  const { present, room } = facts;
  const named = addressed.filter(isNamed).map(({ concerned }) => concerned);
  const concerned = concernedBy(command, named, facts);
  const asked = concerned.length > 0 ? concerned : present;
  if (isLate(command, asked, facts)) return { kind: "ignore", reason: "command_too_old" };
  const permitted = asked.filter((one) => isPermitted(event, facts, one, command));
  const [first] = permitted;
  const refused = asked.find((one) => !permitted.includes(one));
  // What holds for the whole room all of them have to permit.
  if (!first || (refused && WHOLE.has(command.name)))
    return { kind: "ignore", reason: "command_not_permitted", ...(refused ? { about: refused.agent.id } : {}) };
  const isForAll = named.length === 0 && describeCommand(command.name).about === "room";
  return {
    kind: "command",
    command,
    agents: concerned.length > 0 ? permitted.map(({ agent }) => agent.id) : [],
    speaker: isForAll && room.botUserId !== undefined ? undefined : first.agent.id,
    isAdmin: isListed(first.agent.everywhere.admins, powerless(personOf(event.sender, facts))),
  };
}

const WHOLE = new Set<CommandName>(["mute", "unmute"]);

/** Among several agents one has to be named, save where all are meant. */
function concernedBy({ name }: Command, named: Concerned[], { present, room }: Facts): readonly Concerned[] {
  if (named.length > 0) return named;
  const isForAll = describeCommand(name).about === "room" || name === "stop";
  return isForAll || (present.length === 1 && !room.crowded) ? present : [];
}

const isLate = ({ name }: Command, asked: readonly Concerned[], { ageMs }: Facts): boolean =>
  !describeCommand(name).late && asked.length > 0 && asked.every(({ agent }) => ageMs > agent.turns.eventAge * 1_000);

/** Whoever an agent does not listen to commands nothing, whatever power a room gives; a code is the way in. */
function isPermitted(event: RoomEvent, facts: Facts, concerned: Concerned, { name }: Command): boolean {
  const { settings } = concerned.agent;
  const circles = circlesOf(event, facts, concerned);
  if (!circles.users && !circles.admins) {
    const isUnknown = refusal(event, facts, concerned) === "not_permitted";
    return name === "pair" && settings.dm === "pairing" && isUnknown && !facts.room.muted;
  }
  const person = personOf(event.sender, facts);
  const { allowed, everywhere } = describeCommand(name);
  if (!everywhere) return isListed(settings.commands[name] ?? allowed, person, circles);
  const { admins, commands } = concerned.agent.everywhere;
  const somebody = powerless(person);
  return isListed(commands[name] ?? allowed, somebody, { users: circles.users, admins: isListed(admins, somebody) });
}

/** Somebody as they are outside of the room: what power it gives them holds in it only. */
const powerless = (person: Person): Person => ({ ...person, power: 0 });

/** What somebody may say to an agent here. */
export const permittedCommands = (event: RoomEvent, facts: Facts, concerned: Concerned): CommandName[] =>
  COMMAND_NAMES.filter((name) => isPermitted(event, facts, concerned, { name, args: "", rest: "" }));
