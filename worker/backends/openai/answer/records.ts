/**
 * Splits a server's answer into records, whatever it says it is: server-sent events, JSON a line, one JSON value over
 * many lines, or several of these in turn. A record that is damaged does not spoil its neighbours.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
import { BOUNDS } from "#core/bounds.ts";
import { parseJson } from "#core/protocol/json.ts";
import { JsonExtent } from "./json-extent.ts";

export interface StreamRecord {
  /** The `event` field; empty without one. */
  name: string;
  /** It did not stand in a `data` field. */
  bare: boolean;
  /** `[DONE]` */
  done: boolean;
  text: string;
  /** Undefined where the text is not JSON. */
  value: unknown;
}

const FIELD = /^[ \t]*(data|event|id|retry|error)[ \t]*(?::|$)[ ]?/i;
const DONE = /^(?:"?\[done\]"?|done)$/i;
/** What a line that is kept costs beside its characters: it may have a single one. */
const LINE_BYTES = 32;
const NEWLINE = /\r\n|\n|\r/g;

export class RecordSplitter {
  #line = "";
  #endedInCr = false;
  #name = "";
  /** A JSON value that stands without a field, and is not whole yet. */
  #bare: JsonExtent | undefined;
  /** Lines of a `data` field that are no whole value yet. */
  #data: { lines: string[]; size: number; extent: JsonExtent } | undefined;
  #records: StreamRecord[] = [];

  /** The records that are whole by now. Throws where one that is not is beyond its bound. */
  push(text: string): StreamRecord[] {
    // The second half of a CRLF that was cut in two.
    let from = this.#endedInCr && text.startsWith("\n") ? 1 : 0;
    this.#endedInCr = text === "" ? this.#endedInCr : text.endsWith("\r");
    NEWLINE.lastIndex = from;
    for (let newline = NEWLINE.exec(text); newline; newline = NEWLINE.exec(text)) {
      this.#take(this.#line + text.slice(from, newline.index));
      this.#line = "";
      from = newline.index + newline[0].length;
    }
    this.#line += text.slice(from);
    if (this.#line.length + this.#begun > BOUNDS.backendEvent.max) {
      throw new Error(`an event of the answer has more than ${BOUNDS.backendEvent.max} bytes`);
    }
    return this.#given();
  }

  /** What is kept of a record, beside the line. */
  get #begun(): number {
    return (this.#bare?.text.length ?? 0) + (this.#data?.size ?? 0);
  }

  /** A line has begun that has no end yet. */
  get isWaiting(): boolean {
    return this.#line.trim() !== "";
  }

  /** Takes the line that has no end yet, where a record is whole with it: the server may never end it. */
  settle(): StreamRecord[] {
    const field = FIELD.exec(this.#line);
    const begun = this.#bare ? [this.#bare.text] : (this.#data?.lines ?? []);
    const text = [...begun, field ? this.#line.slice(field[0].length) : this.#line].join("\n");
    if (wholeValue(text) === undefined && !isDone(text)) return [];
    this.#take(this.#line);
    this.#line = "";
    return this.#given();
  }

  /** The records that the end of the answer makes whole. What was cut in the middle is one with a text only. */
  end(): StreamRecord[] {
    if (this.#line !== "") this.#take(this.#line);
    this.#line = "";
    this.#dispatch();
    if (this.#bare) this.#give(this.#bare.text, true);
    this.#bare = undefined;
    return this.#given();
  }

  #given(): StreamRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  #give(text: string, bare: boolean, value: unknown = lenientJson(text)): void {
    this.#records.push({ name: this.#name, bare, done: isDone(text), text, value });
    this.#name = "";
  }

  /** Several values may stand in a line. A loop, because the server chooses how many. */
  #take(line: string): void {
    for (let rest: string | undefined = line; rest !== undefined; ) rest = this.#takeFirst(rest);
  }

  /** Gives what comes after the first value of the line; undefined for nothing. */
  #takeFirst(line: string): string | undefined {
    const field = FIELD.exec(line);
    if (this.#bare && !field) return this.#feedBare(this.#bare, line);
    if (this.#bare) this.#give(this.#bare.text, true);
    this.#bare = undefined;
    const start = line.trimStart();
    // A value in `data` may go on in lines that do not repeat the field.
    const goesOn = this.#data !== undefined && !field && !start.startsWith(":");
    if (!goesOn && /^[{[]/.test(start) && !isDone(start)) return this.#feedBare(new JsonExtent(), start);
    if (start === "") this.#dispatch();
    else if (field) this.#takeField((field[1] ?? "").toLowerCase(), line.slice(field[0].length));
    else if (goesOn) this.#takeData(line);
    else if (isDone(start)) this.#give(start, true);
    return undefined;
  }

  #takeField(field: string, value: string): void {
    if (field === "event") this.#name = value.trim();
    // llama.cpp has written `error: {…}` instead of an event with this name.
    if (field === "error") this.#name = "error";
    if (field === "data" || field === "error") this.#takeData(value);
  }

  #takeData(line: string): void {
    // Some proxies put the field before a line that has it already.
    const payload = line.replace(/^(?:\s*data:)+ ?/i, "");
    const value = wholeValue(payload);
    if (value !== undefined || isDone(payload)) {
      this.#dispatch(this.#name);
      this.#give(payload, false, value);
      return;
    }
    if (payload.trim() === "") return;
    this.#data ??= { lines: [], size: 0, extent: new JsonExtent() };
    const { lines, extent } = this.#data;
    lines.push(payload);
    this.#data.size += payload.length + LINE_BYTES;
    const isJson = /^\s*[{[]/.test(lines[0] ?? "");
    if (isJson && extent.feed(lines.length > 1 ? `\n${payload}` : payload) !== undefined) this.#dispatch();
  }

  /** `name`: what the next record is called, where this was said before it. */
  #dispatch(name = ""): void {
    if (this.#data) this.#give(this.#data.lines.join("\n"), false);
    this.#data = undefined;
    this.#name = name;
  }

  /** Gives what comes after the value; undefined for nothing. */
  #feedBare(extent: JsonExtent, line: string): string | undefined {
    const rest = extent.feed(extent.text === "" ? line : `\n${line}`);
    this.#bare = rest === undefined ? extent : undefined;
    if (rest === undefined) return undefined;
    this.#give(extent.text, true);
    // Separators of a list over many lines are no records.
    const next = rest.replace(/^[\s,]+/, "");
    return next === "" ? undefined : next;
  }
}

const isDone = (text: string): boolean => text.length < 20 && DONE.test(text.trim());

/** The value of a line that is a JSON object or list by itself. */
const wholeValue = (text: string): unknown =>
  /^\s*[{[]/.test(text) && /[}\]]\s*$/.test(text) ? lenientJson(text) : undefined;

/** JSON, and what Python writes for numbers that are none. */
function lenientJson(text: string): unknown {
  const value = parseJson(text);
  if (value !== undefined || !/NaN|Infinity/.test(text)) return value;
  return parseJson(
    text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (part) => (part.startsWith('"') ? part : "null")),
  );
}
