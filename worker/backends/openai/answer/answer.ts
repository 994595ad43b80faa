/**
 * An answer while it is read: what of each record is passed on, and how the answer ends. It ends well with `[DONE]`, with a
 * reason for its end, or with a whole completion; with none of these it was cut.
 */

import { BOUNDS } from "#core/bounds.ts";
import { isContainer } from "#core/protocol/json.ts";
import type { FinishReason } from "#core/turn/backend.ts";
import { type Chunk, chunksOf, isErrorName, type Usage } from "./chunk.ts";
import { fieldOf } from "./fields.ts";
import type { StreamRecord } from "./records.ts";
import { ToolCalls } from "./tool-calls.ts";

/** `refusal`: the model declines to answer. `broken`: the server says that it could not go on. */
type Ending = Exclude<FinishReason, "error" | "interrupted"> | "refusal" | "broken";

const ENDINGS: ReadonlyMap<string, Ending> = new Map<string, Ending>(
  Object.entries({
    stop: "stop",
    end_turn: "stop",
    length: "length",
    max_tokens: "length",
    max_output_tokens: "length",
    model_length: "length",
    content_filter: "content-filter",
    safety: "content-filter",
    recitation: "content-filter",
    prohibited_content: "content-filter",
    blocklist: "content-filter",
    sensitive: "content-filter",
    refusal: "refusal",
    tool_calls: "tool-calls",
    tool_use: "tool-calls",
    function_call: "tool-calls",
    stop_sequence: "stop",
    eos: "stop",
    eos_token: "stop",
    error: "broken",
    abort: "broken",
    cancelled: "broken",
    network_error: "broken",
    insufficient_system_resource: "broken",
  }),
);

export type Verdict =
  | { ended: "well"; finishReason: FinishReason }
  | { ended: "refused" }
  /** `words`: the reason for its end, or the beginning of an answer that is none. */
  | { ended: "broken" | "cut"; words: string }
  /** It is no answer of a chat completions API. `value`: the last record that was JSON. */
  | { ended: "unknown"; words: string; value: unknown }
  | { ended: "complaint"; value: unknown };

export class Answer {
  #index: number | undefined;
  #text = "";
  #tools = new ToolCalls();
  #usage: Usage | undefined;
  #ending: Ending | undefined;
  #words = "";
  #isDone = false;
  #isBegun = false;
  #isHeard = false;
  #isDamaged = false;
  #complaint: { value: unknown } | undefined;
  #head = "";
  #last: unknown;

  /** The end was said. What may follow is a count of tokens. */
  get isEnded(): boolean {
    return this.#isDone || this.#ending !== undefined;
  }

  /** Something of it was passed on. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** What the server complains about, where it does: the answer ends there. */
  get complaint(): { value: unknown } | undefined {
    return this.#complaint;
  }

  /** Keeps the beginning of the answer as it arrives. */
  see(text: string): void {
    const left = BOUNDS.complaintWords.max - this.#head.length;
    if (left > 0) this.#head += text.slice(0, left);
  }

  /** Gives what is to be passed on, in OpenAI's form; empty for nothing. */
  take(record: StreamRecord, isCut = false): string {
    if (record.done) this.#isDone = true;
    else if (isContainer(record.value)) {
      this.#last = record.value;
      return chunksOf(record)
        .map((chunk) => this.#read(chunk))
        .join("");
    } else if (isErrorName(record.name)) this.#complaint ??= { value: record.text };
    // A cut record after the end was to hold a count of tokens; one in the middle was to hold text.
    else if (record.text.includes('"choices"') && !(isCut && this.isEnded)) this.#isDamaged = true;
    return "";
  }

  /** Passed on behind the last record of an answer that ended well. */
  get closing(): string {
    const { ended } = this.verdict;
    if (ended !== "well") return "";
    const tools = this.#tools.whole;
    return [
      ...(tools.length > 0 ? [eventOf({ delta: { tool_calls: tools }, finish_reason: null })] : []),
      eventOf({ delta: {}, finish_reason: "stop" }, this.#usage),
      "data: [DONE]\n\n",
    ].join("");
  }

  get verdict(): Verdict {
    if (this.#complaint) return { ended: "complaint", value: this.#complaint.value };
    if (this.#isDamaged) return { ended: "cut", words: "a record of the answer is damaged" };
    if (this.#ending === "broken") return { ended: "broken", words: this.#words };
    if (this.#ending === "refusal") {
      return this.#text.trim() === "" ? { ended: "refused" } : { ended: "well", finishReason: "content-filter" };
    }
    if (this.isEnded && !this.#isOnlyWords)
      return { ended: "well", finishReason: this.#finishReason(this.#ending ?? "stop") };
    return this.#isBegun || this.#head.trim() === ""
      ? { ended: "cut", words: "the answer ended without an end" }
      : { ended: "unknown", words: this.#head, value: this.#last };
  }

  /** There is nothing of an answer, but a record that says something to people: mostly why there is none. */
  get #isOnlyWords(): boolean {
    return !this.#isBegun && ["detail", "message", "msg"].some((key) => fieldOf(this.#last, key) !== undefined);
  }

  /** Some servers end with `stop` when they call a tool. */
  #finishReason(ending: Exclude<Ending, "refusal" | "broken">): FinishReason {
    return ending === "stop" && this.#tools.any && this.#text.trim() === "" ? "tool-calls" : ending;
  }

  #read(chunk: Chunk): string {
    if (chunk.usage) this.#usage = chunk.usage;
    if (chunk.complaint !== undefined) this.#complaint ??= { value: chunk.complaint };
    if (!chunk.isAnswer) return "";
    this.#isBegun = true;
    this.#index ??= chunk.index;
    // Another choice, which nobody asked for.
    if (chunk.index !== undefined && chunk.index !== this.#index) return "";
    for (const piece of chunk.tools) this.#tools.take(piece);
    this.#end(chunk);
    const text = chunk.text + this.#restOf(chunk);
    this.#text += text;
    this.#isHeard ||= text + chunk.reasoning !== "";
    return [
      ...(chunk.reasoning === ""
        ? []
        : [eventOf({ delta: { reasoning_content: chunk.reasoning }, finish_reason: null })]),
      ...(text === "" ? [] : [eventOf({ delta: { content: text }, finish_reason: null })]),
    ].join("");
  }

  /** What the whole text has that its pieces had not. */
  #restOf({ text, whole }: Chunk): string {
    // Most chunks have none, and to compare the text so far costs its length.
    if (whole === "") return "";
    const said = this.#text + text;
    if (whole.startsWith(said)) return whole.slice(said.length);
    return said.endsWith(whole) ? "" : whole;
  }

  #end({ finish, isWhole }: Chunk): void {
    if (finish === undefined) {
      if (isWhole) this.#ending ??= "stop";
      return;
    }
    this.#ending = ENDINGS.get(finish.toLowerCase()) ?? "other";
    this.#words = finish;
  }
}

const eventOf = (choice: object, usage?: Usage): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }], ...(usage ? { usage } : {}) })}\n\n`;
