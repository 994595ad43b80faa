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

/** The parts of a text. `fits` says whether a part can be sent; it may be expensive, and is called about ten times a part. */
export function splitReply(markdown: string, fits: (part: string) => boolean): string[] {
  const parts: string[] = [];
  let rest = markdown;
  for (;;) {
    if (fits(rest)) return [...parts, rest];
    const { part, next } = cut(rest, longest(rest, fits));
    parts.push(part);
    if (next === "") return parts;
    rest = next;
  }
}

/** The cuts that are tried first are this far apart, in characters: each try may render the whole part. */
const STEP = 512;

/** The longest prefix that fits, of whole steps; where not even one fits, to the character, and at least one. */
function longest(text: string, fits: (part: string) => boolean): number {
  const fitsTo = (end: number): boolean => {
    const part = text.slice(0, end);
    // First without closing it: a part that is far too long is refused cheaply.
    return fits(part) && fits(closeFence(part));
  };
  const steps = lastOf(0, Math.floor(text.length / STEP), (count) => fitsTo(count * STEP));
  return steps > 0 ? steps * STEP : lastOf(1, Math.min(text.length, STEP), fitsTo);
}

/** The last number up to `to` for which `holds`, by binary search; `from` where it holds for none. */
function lastOf(from: number, to: number, holds: (value: number) => boolean): number {
  let [last, beyond] = [from, to + 1];
  while (beyond - last > 1) {
    const middle = (last + beyond) >> 1;
    if (holds(middle)) last = middle;
    else beyond = middle;
  }
  return last;
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

/** The fence that is open at the end of a text. */
function openFence(text: string): Fence | undefined {
  let fence: Fence | undefined;
  let start = 0;
  for (const line of text.split("\n")) {
    const [, marker = "", info = ""] = line.match(FENCE) ?? [];
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
