/** Fields of JSON that is not what it should be. Nothing here throws. */
import { isContainer } from "#core/protocol/json.ts";

/** Undefined where there is no such field, or no object that could have it. */
export const fieldOf = (value: unknown, key: string): unknown =>
  isContainer(value) && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;

/** Empty where there is no such text. */
export function textAt(value: unknown, key: string): string {
  const field = fieldOf(value, key);
  return typeof field === "string" ? field : "";
}

/** Empty for what is no list. */
export const entriesOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
