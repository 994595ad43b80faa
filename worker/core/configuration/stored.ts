/**
 * Reads configuration that was stored as JSON. A row may be older or newer than this program, or damaged: what cannot be
 * read must not stop a room, the operator API or the start.
 */
import type * as z from "zod/v4";
import { complaintOf, isContainer, isObject, parseJson } from "../protocol/json.ts";

/**
 * The value of a stored text; undefined when it is invalid. Keys that the schema does not know are dropped: a newer version
 * that runs beside this one may have written them.
 */
export function readStored<T>(schema: z.ZodType<T>, text: string): T | undefined {
  const json = parseJson(text);
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  for (const issue of read.error.issues) {
    if (issue.code === "unrecognized_keys") dropKeys(json, issue.path, issue.keys);
  }
  return schema.safeParse(json).data;
}

/** The changed value with the keys that `readStored` dropped from the stored one: they are for the newer version to change. */
export function withDropped<T>(stored: unknown, read: unknown, changed: T): T {
  if (!isObject(stored) || !isObject(read) || !isObject(changed)) return changed;
  const dropped = Object.entries(stored).filter(([key]) => !Object.hasOwn(read, key));
  const known = Object.entries(changed).map(([key, value]) => [key, withDropped(stored[key], read[key], value)]);
  return Object.fromEntries([...dropped, ...known]) as T;
}

/** What is wrong with a stored text that cannot be read: a path and a sentence, never a value. Undefined when it can be. */
export function problemOf(schema: z.ZodType, text: string): string | undefined {
  if (readStored(schema, text) !== undefined) return undefined;
  const json = parseJson(text);
  return json === undefined ? "it is no JSON" : complaintOf(schema, json);
}

function dropKeys(json: unknown, path: readonly PropertyKey[], keys: readonly string[]): void {
  const place = path.reduce<unknown>(
    (value, name) => (isContainer(value) ? Reflect.get(value, name) : undefined),
    json,
  );
  if (isContainer(place)) for (const key of keys) Reflect.deleteProperty(place, key);
}
