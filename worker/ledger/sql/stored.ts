/** What a column holds as JSON or as a long text: through its schema, and within what a row of D1 holds. */
import { BOUNDS } from "#core/bounds.ts";
import { cutTo, storable } from "./bulk.ts";

interface Schema<T> {
  parse(value: unknown): T;
}

const encoder = new TextEncoder();

/** The text of a value for its column. Throws where it does not fit the schema or is too large: whoever writes checks before. */
export function storedJson<T>(what: string, schema: Schema<T>, value: T): string {
  const text = storable(JSON.stringify(schema.parse(value)));
  const { length } = encoder.encode(text);
  if (length > BOUNDS.storedText.max) {
    throw new Error(`${what} has ${length} bytes; at most ${BOUNDS.storedText.max} can be stored`);
  }
  return text;
}

/** The long texts of a turn, for their columns. What is beyond its bound is cut off: together they fit into a row. */
export const storedPrompt = (text: string): string => cutTo(text, BOUNDS.storedPrompt.max);
export const storedShown = (text: string): string => cutTo(text, BOUNDS.storedShown.max);
export const storedReply = (text: string): string => cutTo(text, BOUNDS.storedReply.max);
