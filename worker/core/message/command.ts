/**
 * Commands, which users give to the bridge or to an agent in a room. Only known words are commands; everything else that
 * begins with `!` is chat. The text below a command's line is a message of its own.
 *
 * @see https://github.com/matrix-org/matrix-spec-proposals/pull/4391
 */
import * as z from "zod/v4";
import type { RoomEvent } from "../protocol/event.ts";

interface CommandDescription {
  /** The arguments, as users are shown them. */
  usage: string;
  sentence: string;
  /** `agent`: it is for one agent, which is mentioned where there are several. `room`: one answer for all agents of the room. */
  about: "agent" | "room";
  /** Who may say it by default; `users` and `admins` are those of the agent. */
  allowed: readonly string[];
  aliases?: readonly string[];
  /** It takes effect in all rooms, so neither a room's layer nor a power level permits it. */
  everywhere?: true;
  /** It only stops or revokes something, so it is obeyed at any age. */
  late?: true;
}

const MODERATORS = ["admins", "power:50"];

/** All commands. The help, the descriptions for clients and the permissions are made from this list. */
export const COMMANDS = {
  help: { usage: "", sentence: "The commands you can use here.", about: "room", allowed: ["users"] },
  new: {
    usage: "",
    sentence: "Begin a new conversation: the earlier one is forgotten.",
    about: "agent",
    allowed: ["users"],
    aliases: ["reset", "clear"],
  },
  stop: {
    usage: "",
    sentence: "End a running answer and drop the messages waiting behind it.",
    about: "agent",
    allowed: ["users"],
    late: true,
  },
  status: {
    usage: "",
    sentence: "How the agents here are set up and what they are doing.",
    about: "room",
    allowed: ["users"],
  },
  whoami: {
    usage: "",
    sentence: "Your user id, your power level and which agents you may talk to.",
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
    sentence: "Show how many messages wait, or choose what a new message does while the agent works.",
    about: "agent",
    allowed: MODERATORS,
  },
  pair: {
    usage: "[code]",
    sentence: "Show the users who wait for approval, or approve a user's code. With an invite code: get access.",
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
    sentence: "Undo `allow` or `pair` for a user, or void a code.",
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
    sentence: "Make this the room for messages the agent sends without being asked.",
    about: "agent",
    allowed: ["admins"],
    everywhere: true,
  },
  mute: {
    usage: "",
    sentence: "No agent answers in this room until `unmute`.",
    about: "room",
    allowed: MODERATORS,
    late: true,
  },
  unmute: { usage: "", sentence: "Let the agents answer again in this room.", about: "room", allowed: MODERATORS },
  debug: {
    usage: "",
    sentence: "What the bridge knows of this room and conversation, for an operator.",
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
  /** The text behind the word in its line, trimmed. */
  args: string;
  /** The text below the line. */
  rest: string;
}

const byWord = new Map<string, CommandName>(
  COMMAND_NAMES.flatMap((name) => [name, ...(describeCommand(name).aliases ?? [])].map((word) => [word, name])),
);

/** The command a text is; `/` is always a prefix too. Undefined for chat. */
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

/** A command as sent by clients that read our descriptions, with at most one argument. */
export function structuredCommand(content: RoomEvent["content"]): Command | undefined {
  const given = STRUCTURED_KEYS.map((key) => Structured.safeParse(content[key]).data).find(Boolean);
  const name = given && byWord.get(given.command.toLowerCase());
  if (!name) return undefined;
  const [argument] = Object.values(given.arguments);
  return { name, args: typeof argument === "string" ? argument.trim() : "", rest: "" };
}
