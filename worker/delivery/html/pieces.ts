/**
 * Cuts a Markdown text into pieces that are parsed one after the other, so that no parser ever gets a long text at once:
 * what a parser costs beyond the length of its text is bounded by the length of a piece.
 *
 * A cut is at a blank line, before an item of a list, between rows of a table, around code, or else between two lines. A line
 * that is too long for the parser is shown as it is.
 */
import { BOUNDS } from "#core/bounds.ts";

export interface Piece {
  text: string;
  /** `plain`: too long for the parser, or nested too deeply. `code`: nothing but the lines of a fence. */
  kind: "markdown" | "plain" | "code";
}

interface Cut {
  at: number;
  /** The head of the table whose rows go on after the cut. */
  head: string;
}

const FENCE = /^( {0,3})(`{3,}|~{3,})([^\n]*)/;
const DELIMITERS = /^ {0,3}\|?[ :|-]*-[ :|-]*$/;
const ITEM = /^(?:[-*+]|\d{1,9}[.)])[ \t]/;
const DEFINITION = /^ {0,3}\[([^\]\n]{1,100})\]: *\S{1,500}/;
/** A line that begins with so many markers of quotations and lists. */
const NESTED = new RegExp(`^(?:[ \\t]*(?:>|(?:[-*+]|\\d{1,9}[.)])(?=[ \\t]))){${BOUNDS.nesting.max + 1}}`, "m");
const INDENTED = new RegExp(`^[ \\t]{${4 * BOUNDS.nesting.max}}`, "m");

/** The pieces of a text. Linear in its length. */
export function piecesOf(markdown: string): Piece[] {
  const cutter = new Cutter(markdown);
  for (let start = 0; start < markdown.length; ) {
    const end = markdown.indexOf("\n", start);
    const next = end < 0 ? markdown.length : end + 1;
    cutter.line(start, markdown.slice(start, next));
    start = next;
  }
  return cutter.end();
}

class Cutter {
  readonly #markdown: string;
  readonly #pieces: Piece[] = [];
  readonly #definitions: { label: string; line: string }[] = [];
  #from = 0;
  #head = "";
  #last: Cut | undefined;
  /** The beginning of a line, for a paragraph that is too long. */
  #line: Cut | undefined;
  #fence: string | undefined;
  #isCode = false;
  /** The line before, and what is known of it. */
  #before = "";
  #table: string | undefined;

  constructor(markdown: string) {
    this.#markdown = markdown;
  }

  line(at: number, line: string): void {
    if (this.#fence === undefined) this.#outside(at, line);
    else if (isClosing(line, this.#fence)) {
      this.#fence = undefined;
      if (this.#isCode) this.#last = { at: at + line.length, head: "" };
    }
    this.#before = line;
    if (at + line.length - this.#from <= BOUNDS.parsedAtOnce.max) return;
    const cut = this.#last ?? this.#line;
    // A fence stays whole: it is cut off where it ends.
    if (cut !== undefined && cut.at > this.#from) this.#cut(cut);
  }

  end(): Piece[] {
    this.#cut({ at: this.#markdown.length, head: "" });
    return this.#pieces.map((piece) => this.#withDefinitions(piece));
  }

  #outside(at: number, line: string): void {
    const [, indent = "", marker] = line.match(FENCE) ?? [];
    const wasBlank = this.#before.trim() === "";
    const isIndented = /^[ \t]/.test(line);
    if (marker !== undefined) {
      this.#fence = marker;
      this.#isCode = indent === "";
      if (this.#isCode) this.#last = { at, head: "" };
    } else if (!isIndented) {
      this.#line = { at, head: "" };
      if (wasBlank || ITEM.test(line)) this.#last = this.#line;
    }
    this.#tableAt(at, line);
    const [definition, label] = line.match(DEFINITION) ?? [];
    if (definition !== undefined && label !== undefined && this.#definitions.length < BOUNDS.definitions.max) {
      this.#definitions.push({ label, line: definition });
    }
  }

  #tableAt(at: number, line: string): void {
    if (this.#table !== undefined && line.includes("|")) this.#last = { at, head: this.#table };
    else this.#table = undefined;
    if (this.#before.includes("|") && line.includes("|") && DELIMITERS.test(line.trimEnd())) {
      const head = this.#before + line;
      this.#table = head.length <= BOUNDS.parsedAtOnce.max / 4 ? head : undefined;
      this.#last = { at: at - this.#before.length, head: "" };
    }
  }

  #cut({ at, head }: Cut): void {
    const text = this.#head + this.#markdown.slice(this.#from, at);
    if (text.trim() !== "") this.#pieces.push({ text, kind: kindOf(text) });
    this.#from = at;
    this.#head = head;
    this.#last = undefined;
    this.#line = undefined;
  }

  /** A link may be defined in another piece. */
  #withDefinitions(piece: Piece): Piece {
    if (piece.kind !== "markdown" || this.#pieces.length === 1) return piece;
    const missing = this.#definitions.filter(
      ({ label, line }) => piece.text.includes(`[${label}]`) && !piece.text.includes(line),
    );
    const lines = missing.map(({ line }) => line).join("\n");
    return lines === "" ? piece : { ...piece, text: `${piece.text.trimEnd()}\n\n${lines.slice(0, 2_000)}\n` };
  }
}

const isClosing = (line: string, marker: string): boolean => {
  const text = line.trim();
  return text.startsWith(marker) && text.replaceAll(marker.charAt(0), "") === "" && !/^ {4}|^\t/.test(line);
};

function kindOf(text: string): Piece["kind"] {
  if (text.length <= BOUNDS.parsedAtOnce.max + BOUNDS.parsedAtOnce.max / 4) {
    return NESTED.test(text) || INDENTED.test(text) ? "plain" : "markdown";
  }
  const [opening = "", , marker = ""] = text.match(FENCE) ?? [];
  const info = opening.trimStart().slice(marker.length);
  if (marker === "" || (marker.startsWith("`") && info.includes("`"))) return "plain";
  const lines = text.trimEnd().split("\n");
  const closed = lines.findIndex((line, at) => at > 0 && isClosing(line, marker));
  return closed === lines.length - 1 || closed < 0 ? "code" : "plain";
}

/** The language and the text of a piece that is code. */
export function codeOf({ text }: Piece): { language: string; code: string } {
  const [opening = "", , marker = ""] = text.match(FENCE) ?? [];
  const lines = text.trimEnd().split("\n");
  const isClosed = lines.length > 1 && isClosing(lines.at(-1) ?? "", marker);
  const code = lines.slice(1, isClosed ? -1 : undefined).join("\n");
  return { language: opening.trimStart().slice(marker.length).trim().split(/\s/)[0] ?? "", code };
}
