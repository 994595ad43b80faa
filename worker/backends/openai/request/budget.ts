/** How much of a conversation is sent with a turn. Tokens are estimated at four bytes each, without a tokenizer. */
import type { InputMessage } from "#core/turn/backend.ts";

const BYTES_A_TOKEN = 4;
/** For the role and the separators of a message. */
const TOKENS_A_MESSAGE = 4;

const encoder = new TextEncoder();

export const tokensOfText = (text: string): number => Math.ceil(encoder.encode(text).length / BYTES_A_TOKEN);

const tokensOf = ({ parts }: InputMessage): number =>
  parts.reduce((sum, { text }) => sum + tokensOfText(text), TOKENS_A_MESSAGE);

export const tokensOfAll = (messages: readonly InputMessage[]): number =>
  messages.reduce((sum, message) => sum + tokensOf(message), 0);

/** The newest messages that fit, oldest first. The last `kept` are the question, and are never left out. */
export function trimToBudget(messages: readonly InputMessage[], tokensMax: number, kept: number): InputMessage[] {
  let from = Math.max(messages.length - kept, 0);
  let left = tokensMax - tokensOfAll(messages.slice(from));
  for (; from > 0; from--) {
    const message = messages[from - 1];
    left -= message ? tokensOf(message) : 0;
    if (left < 0) break;
  }
  return messages.slice(from);
}
