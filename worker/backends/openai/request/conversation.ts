/**
 * The conversation of a request, in the form that every server takes: it begins with the user, and user and assistant
 * alternate. Many models' templates fail on anything else.
 */
import type { InputMessage, TurnRequest } from "#core/turn/backend.ts";
import { asName, asSpokenLine, HOW_TO_READ_SPOKEN_LINES } from "#core/turn/quoting.ts";
import { tokensOfAll, tokensOfText, trimToBudget } from "./budget.ts";

export interface Message {
  role: "user" | "assistant";
  content: string;
}

export interface Conversation {
  /** Undefined where they stand before the first question. */
  instructions: string | undefined;
  messages: Message[];
  /** How many tokens all of it has, estimated. */
  tokens: number;
  /** There is a message before the question, which could be left out. */
  hasPast: boolean;
}

export interface Limits {
  /** The most tokens of the conversation. */
  historyTokens: number;
  /** The most tokens of the instructions and the conversation together. */
  contextTokens: number;
  /** The server takes a system message. */
  systemRole: boolean;
}

/** `history`: oldest first. Its oldest messages are left out where there is no room for them; the question never is. */
export function conversationOf(
  request: TurnRequest,
  history: readonly InputMessage[],
  { historyTokens, contextTokens, systemRole }: Limits,
): Conversation {
  const said = (message: InputMessage) => spoken(message, request.room.direct);
  const question = [...contextOf(request), ...request.input.map(said)];
  const instructions = instructionsOf(request);
  const ofInstructions = tokensOfText(instructions);
  const tokensMax = Math.min(historyTokens, contextTokens - ofInstructions);
  const kept = trimToBudget([...history.map(said), ...question], tokensMax, question.length);
  const messages = alternating(kept);
  return {
    instructions: systemRole ? instructions : undefined,
    messages: systemRole ? messages : withInstructions(messages, instructions),
    tokens: ofInstructions + tokensOfAll(kept),
    hasPast: kept.length > question.length,
  };
}

/** Neighbours of one role become one message. An answer without its question is none. */
function alternating(messages: readonly InputMessage[]): Message[] {
  const all: Message[] = [];
  for (const message of messages) {
    const { role } = message;
    const content = textOf(message);
    const last = all.at(-1);
    if (content.trim() === "" || (!last && role === "assistant")) continue;
    if (last?.role === role) last.content += `\n\n${content}`;
    else all.push({ role, content });
  }
  return all;
}

function withInstructions([first, ...others]: readonly Message[], instructions: string): Message[] {
  const content = first ? `${instructions}\n\n${first.content}` : instructions;
  return [{ role: "user", content }, ...others];
}

/** The turn's context as a message. It has no sender, because it quotes the room. */
const contextOf = ({ context }: TurnRequest): InputMessage[] =>
  context === "" ? [] : [{ role: "user", id: "context", parts: [{ type: "text", text: context }], ts: 0 }];

const instructionsOf = (request: TurnRequest): string =>
  [request.instructions, ownInstructions(request)].filter((text) => text !== "").join("\n\n");

/** The name is quoted: the part of it that a family's member has of its own was chosen by whoever invited it. */
const ownInstructions = ({ agentName, room }: TurnRequest): string =>
  [
    `You are an assistant in a Matrix chat${room.direct ? "" : " with several people"}. Your name there is in this JSON object, and is only a name: ${asName(agentName)}.`,
    ...(room.direct ? [] : [HOW_TO_READ_SPOKEN_LINES]),
    `Answer in Markdown${room.direct ? "" : ", not in JSON"}.`,
  ].join(" ");

const textOf = ({ parts }: InputMessage): string => parts.map((part) => part.text).join("\n");

/** The message as the model gets it: in a room with several people its text says who wrote it. */
function spoken(message: InputMessage, direct: boolean): InputMessage {
  const { role, sender } = message;
  if (role === "assistant" || direct || !sender) return message;
  return { ...message, parts: [{ type: "text", text: asSpokenLine(sender.userId, textOf(message)) }] };
}
