/**
 * Bulk writes with few parameters. D1 allows at most 100 parameters a statement and 1,000 statements an invocation, so
 * rows are passed as one JSON list, which `json_each` takes apart.
 *
 * @see https://developers.cloudflare.com/d1/platform/limits/
 */
import { BOUNDS } from "#core/bounds.ts";

const encoder = new TextEncoder();

type Cell = string | number | null;

/** The rows in their order, as JSON lists within the limit. A single row above the limit makes a list of its own. */
export function jsonLists(rows: Iterable<readonly Cell[]>): string[] {
  const lists: string[] = [];
  let list: string[] = [];
  let bytes = 0;
  for (const row of rows) {
    const json = JSON.stringify(row.map((cell) => (typeof cell === "string" ? storable(cell) : cell)));
    const size = encoder.encode(json).length;
    if (list.length > 0 && bytes + size > BOUNDS.list.max) {
      lists.push(`[${list.join(",")}]`);
      list = [];
      bytes = 0;
    }
    list.push(json);
    bytes += size;
  }
  if (list.length > 0) lists.push(`[${list.join(",")}]`);
  return lists;
}

/**
 * The text without characters that some driver cannot read back. SQLite's JSON turns half a surrogate pair into invalid
 * UTF-8, and libSQL then crashes the whole process; libSQL also cuts a text at its first NUL.
 */
export const storable = (text: string): string => text.toWellFormed().replaceAll("\0", "\ufffd");

/** The beginning of a text, at most 64 KiB of it in whole characters. */
export const cutRaw = (raw: string): string => cutTo(raw, BOUNDS.deadLetter.max);

/** The beginning of a text, at most so many bytes of it in whole characters. */
export function cutTo(given: string, bytesMax: number): string {
  const text = storable(given.slice(0, bytesMax));
  // A character has three bytes at most in UTF-8 for each of its units here.
  if (text.length * 3 <= bytesMax) return text;
  const { read } = encoder.encodeInto(text, new Uint8Array(bytesMax));
  return text.slice(0, read);
}
