/**
 * Reads a record of an answer: what it holds of a text, a reasoning, a tool call, an end, a count of tokens or an error.
 * No other field is looked at, so that none can be wrong.
 */
import { isContainer } from "#core/protocol/json.ts";
import { entriesOf, fieldOf, textAt } from "./fields.ts";
import type { StreamRecord } from "./records.ts";

export interface ToolPiece {
  index: number | undefined;
  id: string | undefined;
  name: string | undefined;
  arguments: string;
}

export interface Usage {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
}

export interface Chunk {
  /** It has a choice, so that it belongs to an answer. */
  isAnswer: boolean;
  /** Which choice it belongs to, where it says so. */
  index: number | undefined;
  text: string;
  /** The text of the whole answer, not of a part of it. */
  whole: string;
  reasoning: string;
  tools: ToolPiece[];
  finish: string | undefined;
  /** It is the whole completion, also without a reason for its end. */
  isWhole: boolean;
  usage: Usage | undefined;
  /** What the server complains about; undefined for nothing. */
  complaint: unknown;
}

/** The chunks of a record: some servers put several into a list. None of a value that is no object. */
export function chunksOf({ value, name, bare }: StreamRecord): Chunk[] {
  const values = Array.isArray(value) ? value : [value];
  return values.filter(isContainer).map((one) => chunkOf(one, name, bare));
}

function chunkOf(value: object, name: string, bare: boolean): Chunk {
  const choices = fieldOf(value, "choices");
  const choice = (Array.isArray(choices) ? choices : [choices]).find(isContainer);
  const { piece, full, isPiece } = messagesOf(value, choice);
  const [said, all] = [contentOf(piece), contentOf(full)];
  const index = fieldOf(choice, "index");
  return {
    isAnswer: choice !== undefined,
    index: typeof index === "number" ? index : undefined,
    text: said.text || (isContainer(piece) ? "" : textAt(choice, "text")),
    whole: all.text,
    reasoning: thoughtsIn(piece, said.reasoning) || (said.text === "" ? thoughtsIn(full, all.reasoning) : ""),
    tools: [piece, full].map(toolsOf).find(({ length }) => length > 0) ?? [],
    finish: finishOf(choice),
    isWhole: isContainer(full) && !isPiece && (bare || textAt(value, "object") === "chat.completion"),
    usage: usageOf(value),
    complaint: complaintIn(value, choice, name),
  };
}

/** `piece`: what is new. `full`: the message from its beginning. */
function messagesOf(value: object, choice: unknown): { piece: unknown; full: unknown; isPiece: boolean } {
  const [delta, message] = [fieldOf(choice, "delta"), fieldOf(choice, "message")];
  const isPiece = textAt(value, "object").endsWith(".chunk");
  // A chunk that has its piece in `message` and not in `delta` is read as if it had a delta.
  if (isPiece && delta === undefined) return { piece: message, full: undefined, isPiece };
  return { piece: delta, full: message, isPiece };
}

function finishOf(choice: unknown): string | undefined {
  const finish =
    textAt(choice, "finish_reason") ||
    textAt(fieldOf(choice, "finish_reason"), "type") ||
    textAt(choice, "finishReason") ||
    textAt(choice, "stop_reason");
  return finish === "" || finish === "null" ? undefined : finish;
}

/** Text may be a string, a part, or a list of parts, some of which are thoughts. A refusal is said to the user too. */
function contentOf(message: unknown): { text: string; reasoning: string } {
  // Some servers send the text itself where OpenAI has an object around it.
  const content = typeof message === "string" ? message : fieldOf(message, "content");
  const parts = Array.isArray(content) ? content : [content];
  let [text, reasoning] = ["", ""];
  for (const part of parts) {
    if (typeof part === "string" || typeof part === "number") text += part;
    else if (/think|reason/.test(textAt(part, "type"))) reasoning += thoughtOf(part);
    else text += textAt(part, "text") || textAt(fieldOf(part, "text"), "value") || textAt(part, "refusal");
  }
  return { text: text + textAt(message, "refusal"), reasoning };
}

const thoughtOf = (part: unknown): string =>
  textAt(part, "thinking") ||
  textAt(part, "text") ||
  entriesOf(fieldOf(part, "thinking"))
    .map((thought) => textAt(thought, "text"))
    .join("");

/** The thoughts of a message: in a field of their own, or among the parts of its content. */
function thoughtsIn(message: unknown, inContent: string): string {
  for (const key of ["reasoning_content", "reasoning", "thinking", "reasoning_text"]) {
    const field = fieldOf(message, key);
    const text = textAt(message, key) || textAt(field, "content") || textAt(field, "text");
    if (text !== "") return text;
  }
  const details = entriesOf(fieldOf(message, "reasoning_details"));
  return details.map((detail) => textAt(detail, "text") || textAt(detail, "summary")).join("") || inContent;
}

function toolsOf(message: unknown): ToolPiece[] {
  const calls = entriesOf(fieldOf(message, "tool_calls")).filter(isContainer);
  const old = fieldOf(message, "function_call");
  const all = calls.length === 0 && isContainer(old) ? [{ index: 0, function: old }] : calls;
  return all.map((call) => {
    const called = fieldOf(call, "function");
    const index = fieldOf(call, "index");
    const given = fieldOf(called, "arguments");
    return {
      index: typeof index === "number" ? index : undefined,
      id: textAt(call, "id") || undefined,
      name: textAt(called, "name") || undefined,
      arguments: typeof given === "string" ? given : isContainer(given) ? JSON.stringify(given) : "",
    };
  });
}

function usageOf(value: object): Usage | undefined {
  const usage = fieldOf(value, "usage") ?? fieldOf(fieldOf(value, "x_groq"), "usage");
  const counted = (["prompt_tokens", "completion_tokens", "total_tokens"] as const).flatMap((key) => {
    const tokens = fieldOf(usage, key);
    return typeof tokens === "number" && tokens >= 0 ? [[key, tokens] as const] : [];
  });
  return counted.length > 0 ? Object.fromEntries(counted) : undefined;
}

/** Events in which servers tell how far they have come; their errors are no errors of the answer. */
const PROGRESS = /tool|progress|status|ping|heartbeat/i;
/** Whether an event of this name is an error, whatever it holds. */
export const isErrorName = (name: string): boolean => /error/i.test(name) && !PROGRESS.test(name);

function complaintIn(value: object, choice: unknown, name: string): unknown {
  if (isErrorName(name)) return value;
  if (PROGRESS.test(name) || "tool" in value) return undefined;
  if (textAt(value, "object") === "error" || textAt(value, "type") === "error") return value;
  for (const holder of [value, choice]) {
    if (isSaid(fieldOf(holder, "error"))) return holder;
  }
  return choice === undefined && entriesOf(fieldOf(value, "errors")).length > 0 ? value : undefined;
}

const isSaid = (error: unknown): boolean =>
  isContainer(error) ? Object.keys(error).length > 0 : typeof error === "string" ? error !== "" : error === true;
