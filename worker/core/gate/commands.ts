/** Commands: whom one concerns, who answers, and whether its sender may say it. */
import {
  COMMAND_NAMES,
  type Command,
  type CommandName,
  describeCommand,
  parseCommand,
  structuredCommand,
} from "../message/command.ts";
import { withoutMention } from "../message/mention.ts";
import { isListed } from "../policy/access.ts";
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
  const all = [...agents, ...(botUserId ? [{ name: "Troupe", userId: botUserId }] : [])];
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
  const { about } = describeCommand(command.name);
  // Among several agents one has to be named, save where all are meant.
  const isForAll = about === "room" || command.name === "stop";
  const concerned = named.length > 0 ? named : isForAll || (present.length === 1 && !room.crowded) ? present : [];
  const asked = concerned.length > 0 ? concerned : present;
  // A stop that comes late stops nothing that was asked after it.
  const isLate = ({ agent }: Concerned) => facts.ageMs > agent.turns.eventAge * 1_000;
  if (command.name !== "stop" && asked.length > 0 && asked.every(isLate))
    return { kind: "ignore", reason: "command_too_old" };
  const permitted = asked.filter((one) => isPermitted(event, facts, one, command));
  const [first] = permitted;
  if (!first) {
    const [refused] = asked;
    return { kind: "ignore", reason: "command_not_permitted", ...(refused ? { about: refused.agent.id } : {}) };
  }
  const byBot = named.length === 0 && about === "room" && room.botUserId !== undefined;
  return {
    kind: "command",
    command,
    agents: concerned.length > 0 ? permitted.map(({ agent }) => agent.id) : [],
    speaker: byBot ? undefined : first.agent.id,
    isAdmin: isListed(first.agent.settings.admins, personOf(event.sender, facts)),
  };
}

/** Whoever an agent does not listen to commands nothing, whatever power a room gives; a code is the way in. */
function isPermitted(event: RoomEvent, facts: Facts, concerned: Concerned, { name }: Command): boolean {
  const { settings } = concerned.agent;
  const circles = circlesOf(event, facts, concerned);
  if (!circles.users && !circles.admins) {
    const isUnknown = refusal(event, facts, concerned) === "not_permitted";
    return name === "pair" && settings.dm === "pairing" && isUnknown && !facts.room.muted;
  }
  const allowed = settings.commands[name] ?? describeCommand(name).allowed;
  return isListed(allowed, personOf(event.sender, facts), circles);
}

/** What somebody may say to an agent here. */
export const permittedCommands = (event: RoomEvent, facts: Facts, concerned: Concerned): CommandName[] =>
  COMMAND_NAMES.filter((name) => isPermitted(event, facts, concerned, { name, args: "", rest: "" }));
