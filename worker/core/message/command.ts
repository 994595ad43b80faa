/**
 * Commands in messages, such as `!help`. Only known words are commands: everything else that begins with `!` is chat. Text
 * below the command's line is a message of its own.
 *
 * @see https://github.com/matrix-org/matrix-spec-proposals/pull/4391
 */
import * as z from "zod/v4";
import type { RoomEvent } from "../protocol/event.ts";

interface CommandDescription {
  /** The argument, as the help shows it; empty where there is none. */
  usage: string;
  sentence: string;
  /** `agent`: it concerns an agent, and among several one has to be named. `room`: one answer is given for all agents. */
  about: "agent" | "room";
  /** The default access list; `users` and `admins` are those of the agent. */
  allowed: readonly string[];
  aliases?: readonly string[];
  /** It has effects beyond the room: neither the room's layers nor a power level in it can permit it. */
  everywhere?: true;
  /** It is obeyed however late it arrives, because it only takes something away. */
  late?: true;
}

const MODERATORS = ["admins", "power:50"];

/** Every command, once: the help, the descriptions for clients and the permissions are made from it. */
export const COMMANDS = {
  help: { usage: "", sentence: "What can be said here.", about: "room", allowed: ["users"] },
  new: {
    usage: "",
    sentence: "Begin a new conversation: what was said before is forgotten.",
    about: "agent",
    allowed: ["users"],
    aliases: ["reset", "clear"],
  },
  stop: {
    usage: "",
    sentence: "End a running answer and drop what waits behind it.",
    about: "agent",
    allowed: ["users"],
    late: true,
  },
  status: {
    usage: "",
    sentence: "How the agents here are set up and what they are at.",
    about: "room",
    allowed: ["users"],
  },
  whoami: {
    usage: "",
    sentence: "Who you are to the agents here, and what you may do.",
    about: "room",
    allowed: ["users"],
  },
  agents: { usage: "", sentence: "The agents in this room.", about: "room", allowed: ["users"] },
  model: {
    usage: "[name | default]",
    sentence: "Show or choose the agent's model in this room.",
    about: "agent",
    allowed: ["admins"],
  },
  thread: {
    usage: "[off | inbound | always]",
    sentence: "Show or choose where the agent's answers go.",
    about: "agent",
    allowed: MODERATORS,
  },
  queue: {
    usage: "[queue | collect | interrupt | steer]",
    sentence: "Show what waits, or choose what a new message does while the agent works.",
    about: "agent",
    allowed: MODERATORS,
  },
  pair: {
    usage: "[code]",
    sentence: "Show who asks to be paired, or approve a user's code; with a code you were given: be let in.",
    about: "agent",
    allowed: ["*"],
  },
  allow: {
    usage: "<user id>",
    sentence: "Let a user talk to the agent.",
    about: "agent",
    allowed: ["admins"],
    everywhere: true,
  },
  deny: {
    usage: "<user id | code>",
    sentence: "Take that back, or refuse a code.",
    about: "agent",
    allowed: ["admins"],
    everywhere: true,
    late: true,
  },
  join: {
    usage: "<room id | alias>",
    sentence: "Send the agent to another room.",
    about: "agent",
    allowed: ["admins"],
    everywhere: true,
  },
  leave: { usage: "", sentence: "Send the agent out of this room.", about: "agent", allowed: MODERATORS, late: true },
  sethome: {
    usage: "",
    sentence: "Make this the room for what the agent says unasked.",
    about: "agent",
    allowed: ["admins"],
    everywhere: true,
  },
  mute: {
    usage: "",
    sentence: "No message is answered in this room until `unmute`.",
    about: "room",
    allowed: MODERATORS,
    late: true,
  },
  unmute: { usage: "", sentence: "Answer again in this room.", about: "room", allowed: MODERATORS },
  debug: {
    usage: "",
    sentence: "What we know of this room and conversation, for an operator.",
    about: "room",
    allowed: ["admins"],
  },
  why: {
    usage: "",
    sentence: "Why the message you reply to, or the last one, was answered or not.",
    about: "room",
    allowed: MODERATORS,
  },
} as const satisfies Record<string, CommandDescription>;
export type CommandName = keyof typeof COMMANDS;
export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];

export const describeCommand = (name: CommandName): CommandDescription => COMMANDS[name];

export interface Command {
  name: CommandName;
  /** The text after the word in its line, trimmed. */
  args: string;
  /** The text below the command's line, trimmed. */
  rest: string;
}

const byWord = new Map<string, CommandName>(
  COMMAND_NAMES.flatMap((name) => [name, ...(describeCommand(name).aliases ?? [])].map((word) => [word, name])),
);

/** Reads a text as a command; `/` is always a prefix too. Undefined for chat. */
export function parseCommand(text: string, prefix: string): Command | undefined {
  const sign = [prefix, "/"].find((one) => text.startsWith(one));
  if (sign === undefined) return undefined;
  const [line = "", ...below] = text.slice(sign.length).split(/\r?\n/);
  const [, word = "", args = ""] = line.match(/^([a-z]+)(?:\s+(.*))?$/i) ?? [];
  const name = byWord.get(word.toLowerCase());
  return name && { name, args: args.trim(), rest: below.join("\n").trim() };
}

const Structured = z.object({ command: z.string(), arguments: z.record(z.string(), z.json()).catch({}) });
const STRUCTURED_KEYS = ["org.matrix.msc4391.command", "m.bot.command"];

/** A command from a client that reads our descriptions. It has at most one argument, whose name does not matter. */
export function structuredCommand(content: RoomEvent["content"]): Command | undefined {
  const given = STRUCTURED_KEYS.map((key) => Structured.safeParse(content[key]).data).find(Boolean);
  const name = given && byWord.get(given.command.toLowerCase());
  if (!name) return undefined;
  const [argument] = Object.values(given.arguments);
  return { name, args: typeof argument === "string" ? argument.trim() : "", rest: "" };
}
