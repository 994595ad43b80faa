/**
 * A reply in parts: cut by what each part weighs when it is sent, at a paragraph if there is one, at a line, at a word,
 * and never inside a code fence: a fence that has room in the next part moves there, one that has room in no part is
 * closed and opened again.
 *
 * A cut depends only on what stands before it and shortly after, so the parts of a growing text stay where they are.
 */

interface Fence {
  /** Where its first line begins. */
  start: number;
  /** Its first line: marker and info string. */
  opening: string;
  marker: string;
}

/** `fits` says whether a part can be sent; it may be dear, and is asked some twenty times a part. */
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

/** How many characters may be in a part, by halving; always at least one, so that there is an end. */
function longest(text: string, fits: (part: string) => boolean): number {
  let [fitting, heavy] = [1, text.length + 1];
  while (heavy - fitting > 1) {
    const middle = (fitting + heavy) >> 1;
    const part = text.slice(0, middle);
    // Asked twice, because what is far too long is turned down at once.
    if (fits(part) && fits(closed(part))) fitting = middle;
    else heavy = middle;
  }
  return fitting;
}

function cut(text: string, limit: number): { part: string; next: string } {
  const window = text.slice(0, limit);
  const fence = openFence(window);
  // A fence that began further up goes to the next part as a whole; whether it has room there is seen there.
  if (fence && text.slice(0, fence.start).trim() !== "") {
    return { part: text.slice(0, fence.start).trimEnd(), next: text.slice(fence.start) };
  }
  if (fence) return cutFence(text, window, fence);
  const at = breakOf(window);
  return { part: text.slice(0, at).trimEnd(), next: text.slice(at).replace(/^[\n ]+/, "") };
}

/** Inside a fence only whole lines are parted, if there is more than one, and the fence is closed and opened again. */
function cutFence(text: string, window: string, { opening, marker }: Fence): { part: string; next: string } {
  const line = window.lastIndexOf("\n");
  const hasLine = line > opening.length;
  const at = hasLine ? line : wholeCharacters(window);
  const next = text.slice(hasLine ? at + 1 : at);
  const part = `${text.slice(0, at)}\n${marker}`;
  // Nothing but the closing line is left: it has just been written.
  return { part, next: next.trim() === marker ? "" : `${opening}\n${next}` };
}

/** The best place to break, at most at the end of the window, at least at its middle if something is found there. */
function breakOf(window: string): number {
  for (const mark of ["\n\n", "\n", ". ", " "]) {
    const at = window.lastIndexOf(mark);
    if (at > window.length / 2) return at + mark.length;
  }
  return wholeCharacters(window);
}

/** Not between the halves of a surrogate pair. */
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

/** The text with an open fence closed. */
export function closed(text: string): string {
  const fence = openFence(text);
  return fence ? `${text}${text.endsWith("\n") ? "" : "\n"}${fence.marker}` : text;
}
