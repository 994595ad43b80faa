/**
 * Commands: messages to us rather than to an agent. Only known words are commands, everything else that begins with `!` is
 * chat. The text below the command's line is a message of its own.
 *
 * @see https://github.com/matrix-org/matrix-spec-proposals/pull/4391
 */
import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import type { RoomEvent } from "../protocol/event.ts";

interface CommandDescription {
  /** The argument, as users read it. */
  usage: string;
  sentence: string;
  /** `agent`: it is for one agent, which has to be named among several. `room`: it is for the room, and one speaker answers. */
  about: "agent" | "room";
  /** The default access list; `users` and `admins` are those of the agent. */
  allowed: readonly string[];
  aliases?: readonly string[];
  /** Its effect is not limited to the room, so neither the room's layer nor power in the room permits it. */
  everywhere?: true;
  /** It only stops or removes something, so it is obeyed however late it arrives. */
  late?: true;
}

const MODERATORS = ["admins", "power:50"];

/** All commands: the one source of the help, the descriptions for clients and the permissions. */
export const COMMANDS = {
  help: { usage: "", sentence: "List the commands you can use here.", about: "room", allowed: ["users"] },
  new: {
    usage: "",
    sentence: "Begin a new conversation; the earlier one is forgotten.",
    about: "agent",
    allowed: ["users"],
    aliases: ["reset", "clear"],
  },
  stop: {
    usage: "",
    sentence: "Stop a running answer and drop the messages waiting behind it.",
    about: "agent",
    allowed: ["users"],
    late: true,
  },
  status: {
    usage: "",
    sentence: "Show how the agents here are set up and what they are doing.",
    about: "room",
    allowed: ["users"],
  },
  whoami: {
    usage: "",
    sentence: "Show who you are to the agents here, and what you may do.",
    about: "room",
    allowed: ["users"],
  },
  agents: { usage: "", sentence: "List the agents in this room.", about: "room", allowed: ["users"] },
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
    sentence: "Show the queue, or choose what a new message does while the agent works.",
    about: "agent",
    allowed: MODERATORS,
  },
  pair: {
    usage: "[code]",
    sentence: "List the users who wait for approval, or approve a user's code. With an invite code: get access.",
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
    sentence: "Take that permission back, or reject a code.",
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
    sentence: "Make this the room for messages the agent sends unasked.",
    about: "agent",
    allowed: ["admins"],
    everywhere: true,
  },
  mute: {
    usage: "",
    sentence: "Make the agents silent in this room until `unmute`.",
    about: "room",
    allowed: MODERATORS,
    late: true,
  },
  unmute: { usage: "", sentence: "Answer again in this room.", about: "room", allowed: MODERATORS },
  debug: {
    usage: "",
    sentence: "Show what we know about this room and conversation, for an operator.",
    about: "room",
    allowed: ["admins"],
  },
  why: {
    usage: "",
    sentence: "Explain why the message you reply to, or the latest one, was answered or not.",
    about: "room",
    allowed: MODERATORS,
  },
} as const satisfies Record<string, CommandDescription>;
export type CommandName = keyof typeof COMMANDS;
export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];

export const describeCommand = (name: CommandName): CommandDescription => COMMANDS[name];

export interface Command {
  name: CommandName;
  /** The text after the word, on its line, trimmed. */
  args: string;
  /** The text below that line. */
  rest: string;
}

const byWord = new Map<string, CommandName>(
  COMMAND_NAMES.flatMap((name) => [name, ...(describeCommand(name).aliases ?? [])].map((word) => [word, name])),
);

/** Longer than any command. */
const WORD_LENGTH = 32;

/** Parses a command; `/` is always a prefix too. Undefined for chat. */
export function parseCommand(text: string, prefix: string): Command | undefined {
  const sign = [prefix, "/"].find((one) => text.startsWith(one));
  if (sign === undefined) return undefined;
  const [line = "", ...below] = text.slice(sign.length).split(/\r?\n/);
  const [word = ""] = line.slice(0, WORD_LENGTH).match(/^[a-z]+/i) ?? [];
  const name = byWord.get(word.toLowerCase());
  const behind = line.slice(word.length, BOUNDS.commandLine.max);
  if (name === undefined || !/^(?:\s|$)/.test(behind)) return undefined;
  return { name, args: behind.trim(), rest: below.join("\n").trim() };
}

const Structured = z.object({ command: z.string(), arguments: z.record(z.string(), z.unknown()).catch({}) });
const STRUCTURED_KEYS = ["org.matrix.msc4391.command", "m.bot.command"];

/** A command from a client that reads our descriptions; its only argument may have any name. */
export function structuredCommand(content: RoomEvent["content"]): Command | undefined {
  const given = STRUCTURED_KEYS.map((key) => Structured.safeParse(content[key]).data).find(Boolean);
  const name = given && byWord.get(given.command.toLowerCase());
  if (!name) return undefined;
  const [argument] = Object.values(given.arguments);
  return { name, args: typeof argument === "string" ? argument.slice(0, BOUNDS.commandLine.max).trim() : "", rest: "" };
}
