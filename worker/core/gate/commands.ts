/** Commands: the agents one is for, who answers, and whether the sender may use it. */
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
import type { Message } from "../message/message.ts";
import { beginningOf, folded } from "../message/readable.ts";
import { BOT } from "../protocol/ids.ts";
import type { Addressee } from "./addressees.ts";
import { firstEntries, grounds } from "./evidence.ts";
import type { Concerned, Facts, Ignored, Ordered } from "./facts.ts";
import { circlesOf, personOf, refusal } from "./permits.ts";

/** Named by a mention, a reply, a thread or the direct chat; other agents only listen. */
const isNamed = ({ because }: Addressee): boolean => because !== "listening";

/** The command in a message, by any present agent's prefix; undefined for chat. */
export function commandIn(message: Message, facts: Facts): Command | undefined {
  const structured = structuredCommand(message.event.content);
  if (structured) return structured;
  const prefixes = new Set(facts.present.map(({ agent }) => agent.settings.prefix));
  const { folded: beginning } = beginningOf(message.text);
  if (![...prefixes, "/"].some((prefix) => beginning.includes(folded(prefix)))) return undefined;
  const own = withoutCalls(message, facts);
  for (const prefix of prefixes) {
    const command = parseCommand(own, prefix);
    if (command) return command;
  }
  return undefined;
}

/** The text without the mentions it begins with. Longer names are tried first: one may begin with another. */
function withoutCalls({ text, links }: Message, { present, room: { botUserId } }: Facts): string {
  const agents = present.map(({ agent, userId }) => ({ name: agent.name, userId }));
  const all = [...agents, ...(botUserId ? [{ name: BOT_NAME, userId: botUserId }] : [])];
  const calls = all.toSorted((one, other) => other.name.length - one.name.length);
  let [left, beginning] = [text, beginningOf(text)];
  for (const _ of calls) {
    const before = left;
    for (const called of calls) {
      const rest = withoutMention(left, called, links, beginning);
      if (rest !== left) [left, beginning] = [rest, beginningOf(rest)];
    }
    if (left === before) break;
  }
  return left;
}

/** The command with the agents it is for, or why it is not obeyed. The caller treats the message below it. */
export function gateCommand(
  message: Message,
  facts: Facts,
  command: Command,
  addressed: readonly Addressee[],
): Ordered | Ignored {
  const { present, room } = facts;
  const named = addressed.filter(isNamed).map(({ concerned }) => concerned);
  const concerned = concernedBy(command, named, facts);
  const candidates = concerned.length > 0 ? concerned : present;
  const late = lateness(command, candidates, facts);
  if (late) return late;
  const permitted = candidates.filter((one) => isPermitted(message, facts, one, command));
  const [first] = permitted;
  const refused = candidates.find((one) => !permitted.includes(one));
  // A change to the whole room needs the permission of every agent in it.
  if (!first || (refused && WHOLE_ROOM.has(command.name))) return notPermitted(command, facts, refused);
  const isForAll = named.length === 0 && describeCommand(command.name).about === "room";
  return {
    kind: "command",
    command,
    concerned: concerned.length > 0 ? permitted : [],
    speaker: isForAll && room.botUserId !== undefined ? BOT : first.agent.id,
    isAdmin: isListed(first.agent.everywhere.admins, powerless(personOf(message.event.sender, facts))),
  };
}

const WHOLE_ROOM = new Set<CommandName>(["mute", "unmute"]);

/** Among several agents one has to be named, unless the command is for all of them. */
function concernedBy({ name }: Command, named: Concerned[], { present, room }: Facts): readonly Concerned[] {
  if (named.length > 0) return named;
  const isForAll = describeCommand(name).about === "room" || name === "stop";
  return isForAll || (present.length === 1 && !room.crowded) ? present : [];
}

function lateness({ name }: Command, candidates: readonly Concerned[], { ageMs }: Facts): Ignored | undefined {
  if (describeCommand(name).late || candidates.length === 0) return undefined;
  const limitMs = Math.max(...candidates.map(({ agent }) => agent.turns.eventAge * 1_000));
  return ageMs > limitMs ? { kind: "ignore", ...grounds("command_too_old", { ageMs, limitMs }) } : undefined;
}

function notPermitted({ name }: Command, facts: Facts, refused: Concerned | undefined): Ignored {
  if (!refused) return { kind: "ignore", reason: "command_not_permitted" };
  const allowed = allowedFor(refused, name);
  const evidence = { ...firstEntries(allowed), command: name, power: facts.sender.power };
  return { kind: "ignore", ...grounds("command_not_permitted", evidence), about: refused.agent.id };
}

/** The access list of a command. For a command that has effects beyond the room, the room's layers do not count. */
function allowedFor({ agent }: Concerned, name: CommandName): readonly string[] {
  const { allowed, everywhere } = describeCommand(name);
  return (everywhere ? agent.everywhere : agent.settings).commands[name] ?? allowed;
}

/**
 * A user the agent does not listen to may use no command, whatever their power in the room. The exception is `pair`, by
 * which a user gets in.
 */
function isPermitted(message: Message, facts: Facts, concerned: Concerned, { name }: Command): boolean {
  const { settings, everywhere } = concerned.agent;
  const circles = circlesOf(message, facts, concerned);
  if (!circles.users && !circles.admins) {
    const isUnknown = refusal(message, facts, concerned)?.reason === "not_permitted";
    return name === "pair" && settings.dm === "pairing" && isUnknown && !facts.room.muted;
  }
  const person = personOf(message.event.sender, facts);
  const allowed = allowedFor(concerned, name);
  if (!describeCommand(name).everywhere) return isListed(allowed, person, circles);
  const outside = powerless(person);
  return isListed(allowed, outside, { users: circles.users, admins: isListed(everywhere.admins, outside) });
}

/** The user without their power in the room, which has no meaning outside of it. */
const powerless = (person: Person): Person => ({ ...person, power: 0 });

/** The commands the sender may use with an agent here. */
export const permittedCommands = (message: Message, facts: Facts, concerned: Concerned): CommandName[] =>
  COMMAND_NAMES.filter((name) => isPermitted(message, facts, concerned, { name, args: "", rest: "" }));
