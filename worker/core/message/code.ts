/** Code in a message: names, ids and links in it address nobody. */

interface Range {
  start: number;
  end: number;
}

/** The text without code spans and fences. */
export function withoutCode(text: string): string {
  const fences = fencesIn(text);
  const spans = spansIn(blanked(text, fences));
  const all = [...fences.map((range) => ({ ...range, by: "" })), ...spans.map((range) => ({ ...range, by: " " }))];
  let [kept, at] = ["", 0];
  for (const { start, end, by } of all.toSorted((one, other) => one.start - other.start)) {
    kept += text.slice(at, start) + by;
    at = end;
  }
  return kept + text.slice(at);
}

/** The text with blanks in place of code: what is found in it stands at the same place in the text. */
export function codeBlanked(text: string): string {
  const without = blanked(text, fencesIn(text));
  return blanked(without, spansIn(without));
}

function blanked(text: string, ranges: readonly Range[]): string {
  let [kept, at] = ["", 0];
  for (const { start, end } of ranges) {
    kept += text.slice(at, start) + " ".repeat(end - start);
    at = end;
  }
  return kept + text.slice(at);
}

/** Whole lines, with the line's end before the first of them. */
function fencesIn(text: string): Range[] {
  if (!/`{3}|~{3}/.test(text)) return [];
  const fences: Range[] = [];
  let open: { fence: string; start: number } | undefined;
  let at = 0;
  for (const line of text.split("\n")) {
    const marker = line.match(/^ {0,3}(`{3,}|~{3,})/)?.[1];
    const end = at + line.length;
    if (marker && open === undefined) open = { fence: marker, start: Math.max(at - 1, 0) };
    else if (marker && open !== undefined && marker.startsWith(open.fence)) {
      fences.push({ start: open.start, end });
      open = undefined;
    }
    at = end + 1;
  }
  if (open) fences.push({ start: open.start, end: text.length });
  return fences;
}

/** A run of backticks opens a span that a run of the same length ends; without such a run it is text. */
function spansIn(text: string): Range[] {
  if (!text.includes("`")) return [];
  const runs = [...text.matchAll(/`+/g)].map(({ 0: ticks, index }) => ({ length: ticks.length, index }));
  const spans: Range[] = [];
  for (let open = 0; open < runs.length; open++) {
    const run = runs[open];
    const close = runs.findIndex((other, at) => at > open && other.length === run?.length);
    const last = runs[close];
    if (!run || !last) continue;
    spans.push({ start: run.index, end: last.index + last.length });
    open = close;
  }
  return spans;
}
