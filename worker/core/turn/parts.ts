/**
 * Splits a reply into parts that can be sent: at a paragraph, else at a line, else at a word, and never inside a code
 * fence. A fence that fits into the next part moves there; one that fits into no part is closed and opened again.
 *
 * A cut depends only on the text before it and shortly after, so the parts of a growing text stay where they are.
 */

interface Fence {
  /** Where its first line begins. */
  start: number;
  /** Its first line: marker and info string. */
  opening: string;
  marker: string;
}

/**
 * How far a text can go into one part: the length of its longest beginning that can be sent. It leaves room for the line that
 * closes a fence, and must be cheap: it is asked once a part.
 */
export type Reach = (text: string) => number;

/** The parts of a text, each cut when it is asked for. */
export function* splitReply(markdown: string, reach: Reach): Generator<string, void, undefined> {
  let rest = markdown;
  for (;;) {
    const limit = reach(rest);
    if (limit >= rest.length) return yield rest;
    const { part, next } = cut(rest, Math.max(limit, 1));
    yield part;
    if (next === "") return;
    rest = next;
  }
}

function cut(text: string, limit: number): { part: string; next: string } {
  const window = text.slice(0, limit);
  const fence = openFence(window);
  // A fence that begins further down goes to the next part as a whole. If it does not fit there, it is cut there.
  if (fence && text.slice(0, fence.start).trim() !== "") {
    return { part: text.slice(0, fence.start).trimEnd(), next: text.slice(fence.start) };
  }
  if (fence) return cutFence(text, window, fence);
  const at = breakOf(window);
  return { part: text.slice(0, at).trimEnd(), next: text.slice(at).replace(/^[\n ]+/, "") };
}

/** Cuts a fence between two lines, or within its only line; closes it and opens it again. */
function cutFence(text: string, window: string, { opening, marker }: Fence): { part: string; next: string } {
  const line = window.lastIndexOf("\n");
  const hasLine = line > opening.length;
  const at = hasLine ? line : wholeCharacters(window);
  const next = text.slice(hasLine ? at + 1 : at);
  const part = `${text.slice(0, at)}\n${marker}`;
  // If only the closing line is left, `part` has it already.
  return { part, next: next.trim() === marker ? "" : `${opening}\n${next}` };
}

/** The best place to break in the second half of the window; its end if there is none. */
function breakOf(window: string): number {
  for (const mark of ["\n\n", "\n", ". ", " "]) {
    const at = window.lastIndexOf(mark);
    if (at > window.length / 2) return at + mark.length;
  }
  return wholeCharacters(window);
}

/** The length of the window without half a surrogate pair at its end. */
function wholeCharacters(window: string): number {
  const last = window.charCodeAt(window.length - 1);
  const isFirstHalf = last >= 0xd800 && last <= 0xdbff;
  return isFirstHalf && window.length > 1 ? window.length - 1 : window.length;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
/** A longer first line is no fence's: each part would begin with it again. */
const OPENING_LENGTH = 100;

/** The fence that is open at the end of a text. */
function openFence(text: string): Fence | undefined {
  let fence: Fence | undefined;
  let start = 0;
  for (const line of text.split("\n")) {
    const [, marker = "", info = ""] = (line.length <= OPENING_LENGTH && line.match(FENCE)) || [];
    if (marker && !fence && !(marker.startsWith("`") && info.includes("`"))) fence = { start, opening: line, marker };
    else if (fence && marker.startsWith(fence.marker) && info.trim() === "") fence = undefined;
    start += line.length + 1;
  }
  return fence;
}

/** The text, with its open fence closed. */
export function closeFence(text: string): string {
  const fence = openFence(text);
  return fence ? `${text}${text.endsWith("\n") ? "" : "\n"}${fence.marker}` : text;
}
