/** `key=value` of a command line as settings: values are YAML or JSON, keys may go deeper with dots. */
import { parseDocument } from "yaml";
import { UsageError } from "./complain.ts";

export function settingsOf(assignments: readonly string[]): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const assignment of assignments) {
    const [, key, value] = assignment.match(/^([\w.-]+)=(.*)$/s) ?? [];
    if (key === undefined || value === undefined) {
      throw new UsageError(`"${assignment}" is no setting; it is written key=value.`);
    }
    put(settings, key.split("."), read(value));
  }
  return settings;
}

/** A list or an object in JSON or YAML; else a number, a truth value or nothing; else the very text. */
function read(text: string): unknown {
  const isNested = /^[[{]/.test(text);
  const isQuoted = /^(["']).*\1$/s.test(text);
  if (text === "") return text;
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    if (!isNested) return text;
    throw new UsageError(`A list or an object is written as JSON, such as '["@alice:example.org"]'.`);
  }
  // What begins like a user, a room or an alias is that, though YAML would read it otherwise.
  if (!isNested && /^[@#!&*%]/.test(text)) return text;
  const value: unknown = document.toJS();
  return isNested || isQuoted || (typeof value !== "string" && typeof value !== "object") || text === "null"
    ? value
    : text;
}

function put(settings: Record<string, unknown>, [name = "", ...rest]: string[], value: unknown): void {
  if (rest.length === 0) {
    Object.defineProperty(settings, name, { value, enumerable: true, configurable: true, writable: true });
    return;
  }
  const held = Object.hasOwn(settings, name) ? settings[name] : undefined;
  const below: Record<string, unknown> = typeof held === "object" && held !== null ? { ...held } : {};
  put(below, rest, value);
  put(settings, [name], below);
}
