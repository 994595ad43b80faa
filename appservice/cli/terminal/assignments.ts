/** Reads `key=value` arguments as settings. Values are YAML or JSON; dots in a key go deeper. */
import { parseDocument } from "yaml";
import { UsageError } from "./complain.ts";

export function settingsOf(assignments: readonly string[]): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const assignment of assignments) {
    const [, key, value] = assignment.match(/^([\w.-]+)=(.*)$/s) ?? [];
    if (key === undefined || value === undefined) {
      throw new UsageError(`"${assignment}" is not a setting; settings are written key=value.`);
    }
    put(settings, key.split("."), read(value));
  }
  return settings;
}

/** A list or object in JSON or YAML, else a number, boolean or null, else the text itself. */
function read(text: string): unknown {
  const isNested = /^[[{]/.test(text);
  const isQuoted = /^(["']).*\1$/s.test(text);
  if (text === "") return text;
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    if (!isNested) return text;
    throw new UsageError(
      `"${text}" is not valid; a list or an object is written as JSON, such as '["@alice:example.org"]'.`,
    );
  }
  // User ids, room ids and aliases are texts, though some of their first characters mean something in YAML.
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
  const before = Object.hasOwn(settings, name) ? settings[name] : undefined;
  const below: Record<string, unknown> = typeof before === "object" && before !== null ? { ...before } : {};
  put(below, rest, value);
  put(settings, [name], below);
}
