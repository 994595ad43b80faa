/**
 * Many rows as few parameters: D1 binds at most 100 to a statement and runs at most 1,000 statements an invocation,
 * so rows travel as JSON and `json_each` takes them apart.
 *
 * @see https://developers.cloudflare.com/d1/platform/limits/
 */

/** A parameter on D1 may have 1 to 2 MB; a list is cut well below that. */
const LIST_BYTES_MAX = 512 * 1024;
/** What is kept of something given up. */
const RAW_BYTES_MAX = 64 * 1024;

const encoder = new TextEncoder();

type Cell = string | number | null;

/** The rows as JSON lists in their order, none of them too long unless a single row is. */
export function jsonLists(rows: Iterable<readonly Cell[]>): string[] {
  const lists: string[] = [];
  let list: string[] = [];
  let bytes = 0;
  for (const row of rows) {
    const json = JSON.stringify(row.map((cell) => (typeof cell === "string" ? storable(cell) : cell)));
    const size = encoder.encode(json).length;
    if (list.length > 0 && bytes + size > LIST_BYTES_MAX) {
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
 * A text every driver can read again. Of half a surrogate pair SQLite's JSON makes broken UTF-8, on which libSQL ends
 * the whole process; at a NUL libSQL ends the text.
 */
export const storable = (text: string): string => text.toWellFormed().replaceAll("\0", "\ufffd");

/** At most 64 KiB of a text, in whole characters. */
export function cutRaw(raw: string): string {
  const text = storable(raw);
  const { read } = encoder.encodeInto(text, new Uint8Array(RAW_BYTES_MAX));
  return text.slice(0, read);
}
