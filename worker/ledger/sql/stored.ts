/** What a column holds as JSON or as a long text: through its schema, and within what a row of D1 holds. */
import { BOUNDS } from "#core/bounds.ts";
import { cutTo, storable } from "./bulk.ts";

interface Schema<T> {
  parse(value: unknown): T;
}
interface Form<T> {
  safeParse(value: unknown): { data?: T | undefined };
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

/** A column's values that have the form. The others are left out: a stored row may have been damaged since. */
export const columnOf = <Name extends string, T>(
  rows: readonly Record<Name, unknown>[],
  name: Name,
  form: Form<T>,
): T[] => rows.flatMap((row) => form.safeParse(row[name]).data ?? []);

/** The first of these rows with stored events, as many as are parsed without a pause; at least one. */
export function parsedAtOnce<Row extends { event: string }>(rows: readonly Row[]): Row[] {
  let size = 0;
  const isBeyond = ({ event }: Row) => {
    const before = size;
    size += event.length;
    return before > BOUNDS.sliceSize.max;
  };
  const beyond = rows.findIndex(isBeyond);
  return beyond < 0 ? [...rows] : rows.slice(0, beyond);
}

/** The long texts of a turn, for their columns. What is beyond its bound is cut off: together they fit into a row. */
export const storedPrompt = (text: string): string => cutTo(text, BOUNDS.storedPrompt.max);
export const storedShown = (text: string): string => cutTo(text, BOUNDS.storedShown.max);
export const storedReply = (text: string): string => cutTo(text, BOUNDS.storedReply.max);
