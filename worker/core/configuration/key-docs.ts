/** Documentation of an agent's keys. The table of keys, the JSON Schema and "did you mean" are made from it. */
import type * as z from "zod/v4";

/** The names of the same setting in three similar projects; a dash where there is none. */
interface Peers {
  openclaw: string;
  hermes: string;
  zeroclaw: string;
}

export interface KeyDoc {
  sentence: string;
  unit: string;
  peers: Peers;
}

const docs = new Map<z.ZodType, KeyDoc>();

/** Adds documentation to a schema. The result is a schema of its own, because two keys may share one. */
export function key<T extends z.ZodType>(
  schema: T,
  sentence: string,
  unit: string,
  peers: [openclaw: string, hermes: string, zeroclaw: string],
): T {
  const own = schema.describe(sentence);
  const [openclaw, hermes, zeroclaw] = peers;
  docs.set(own, { sentence, unit, peers: { openclaw, hermes, zeroclaw } });
  return own;
}

export const docOf = (schema: z.ZodType): KeyDoc | undefined => docs.get(schema);
