/** Answers to commands, in Markdown. Agents are given by name. */
import type { Settings } from "../configuration/settings.ts";
import type { JsonObject } from "../protocol/event.ts";
import { codeSpan } from "./code-span.ts";
import { powerText } from "./reasons.ts";

const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join("\n");
const bold = (names: readonly string[]): string => names.map((name) => `**${name}**`).join(", ");

export const NAME_ONE = "There are several agents here; mention the one you mean.";
export const notChanged = (complaints: readonly string[]): string => `Nothing was changed. ${complaints.join("; ")}.`;
export const SETTINGS_UNREADABLE =
  "Nothing was changed: this room's settings cannot be read, and the agents are silent here until an operator has mended them (`troupe repair`).";
export const oneOf = (words: readonly string[]): string => `Choose one of ${words.join(", ")}.`;

export function help(prefix: string, commands: readonly { name: string; usage: string; sentence: string }[]): string {
  const lines = commands.map(
    ({ name, usage, sentence }) => `${codeSpan(`${prefix}${name}${usage ? ` ${usage}` : ""}`)} ${sentence}`,
  );
  return `Commands you can use here:\n\n${list(lines)}\n\nAmong several agents, mention the one you mean.`;
}

export function agentsHere(agents: readonly { name: string; userId: string }[], hasMore: boolean): string {
  const lines = agents.map(({ name, userId }) => `${bold([name])} ${codeSpan(userId)}`);
  return `Agents here:\n\n${list(lines)}${hasMore ? "\n\nThere are more." : ""}`;
}

export interface Standing {
  agent: string;
  isUser: boolean;
  isAdmin: boolean;
  isPaired: boolean;
}

export function whoYouAre(
  { userId, isLocal, power }: { userId: string; isLocal: boolean; power: number },
  standings: readonly Standing[],
): string {
  const lines = standings.map(({ agent, isUser, isAdmin, isPaired }) => {
    const may = isUser ? "may talk to it" : "may not talk to it";
    return `${bold([agent])}: you ${may}${isAdmin ? " and are its admin" : ""}${isPaired ? ", by pairing" : ""}`;
  });
  const home = isLocal ? "a user of this homeserver" : "from another homeserver";
  return `You are ${codeSpan(userId)}, ${home}; your power level here is ${powerText(power)}.\n\n${list(lines)}`;
}

/** How an agent is set up in a room, and what it is doing. */
export interface AgentStatus {
  name: string;
  backend: string;
  /** Empty: the backend's own. */
  model: string;
  direct: boolean;
  needsMention: boolean;
  scope: Settings["scope"];
  threads: Settings["threads"];
  whileBusy: string;
  waiting: number;
}

export function statusOf(room: { muted: boolean; encrypted: boolean }, agents: readonly AgentStatus[]): string {
  const about = [room.muted ? "**muted**" : "", room.encrypted ? "encrypted, so its messages cannot be read" : ""];
  const shown = about.filter(Boolean);
  return [...(shown.length > 0 ? [`This room is ${shown.join(" and ")}.`] : []), list(agents.map(agentLine))].join(
    "\n\n",
  );
}

function agentLine(agent: AgentStatus): string {
  const { name, backend, model, direct, needsMention, scope, threads, whileBusy, waiting } = agent;
  const everything = direct ? "answers every message (a direct chat)" : "answers every message";
  return [
    `${bold([name])} by ${codeSpan(backend)}${model ? ` with ${codeSpan(model)}` : ""}`,
    needsMention && !direct ? "answers when mentioned" : everything,
    `a conversation is one ${scope.replace("+", " and ")}`,
    `answers go ${WHERE[threads]}`,
    `while busy: ${whileBusy}`,
    waiting === 0 ? "idle" : `at work, ${waiting} in the queue`,
  ].join("; ");
}

const WHERE = { off: "into the room", inbound: "where the question was", always: "into threads" } as const;

export const debugBlock = (known: JsonObject): string =>
  `\`\`\`json\n${JSON.stringify(known, null, 2).replaceAll("`", "'")}\n\`\`\``;

export const NO_SUCH_MESSAGE = "I do not know that message in this room.";

export const NEW_CONVERSATION = "A new conversation begins; the earlier one is forgotten.";
export const NOTHING_RUNS = "Nothing is running here.";

const OWN_MODEL = "the backend's own";
export const modelsOf = (agents: readonly { name: string; model: string }[]): string =>
  agents.map(({ name, model }) => `${bold([name])}: ${model || OWN_MODEL}`).join("\n\n");
export const modelChosen = (names: readonly string[], model: string): string =>
  `${bold(names)}: model from now on: ${model || OWN_MODEL}.`;

export const threadModes = (agents: readonly { name: string; threads: string }[]): string =>
  agents.map(({ name, threads }) => `${bold([name])}: ${threads}`).join("\n\n");
export const threadsChosen = (names: readonly string[], mode: string): string =>
  `${bold(names)}: answers in threads: ${mode}.`;

export const queues = (agents: readonly { name: string; whileBusy: string; waiting: number }[]): string =>
  agents.map(({ name, whileBusy, waiting }) => `${bold([name])}: ${whileBusy}, ${waiting} in the queue`).join("\n\n");
export const whileBusyChosen = (names: readonly string[], whileBusy: string): string =>
  `${bold(names)}: while an answer is being made: ${whileBusy}.`;

export const MUTED = "Muted: no agent answers in this room until `unmute`.";
export const UNMUTED = "The agents answer in this room again.";

export const homeSet = (names: readonly string[]): string => `This is now the home of ${bold(names)}.`;
export const NO_HOME_OF_A_FAMILY = "Agents of a family cannot have a home room of their own.";

export const ROOM_NEEDED = "Add a room id (!…), or an alias (#name:server) that exists.";
export const joinedRoom = (name: string): string => `${bold([name])} has joined.`;
export const couldNotJoin = (name: string): string =>
  `${bold([name])} could not join: it may need an invitation, or the room cannot be reached now.`;
