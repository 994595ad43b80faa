/** Walks the table of bounds, and finds bounds that are not in it. */
import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Bound } from "#core/bounds/bound.ts";
import { BOUNDS } from "#core/bounds.ts";
import { variableRows } from "#core/configuration/environment.ts";
import { keyRows } from "#core/configuration/settings.ts";
import { TurnSettings } from "#core/configuration/turn-settings.ts";

const rows: [name: string, bound: Bound][] = Object.entries(BOUNDS);
const files = globSync(["worker/**/*.ts", "appservice/**/*.ts"]).filter(
  (file) =>
    !/\.(test|contract|suite)\.ts$|\.d\.ts$|\/(?:testing|live|playground)\/|core\/bounds(?:\.ts$|\/)/.test(file),
);
const sources = files.map((file) => ({ file, source: readFileSync(file, "utf8") }));
const settings = [
  ...variableRows().map(({ name }) => name),
  ...keyRows().map(({ name }) => name),
  ...Object.keys(TurnSettings.shape).map((name) => `turns.${name}`),
];

/**
 * Bounds of our own bookkeeping, which nobody outside drives. A constant with the value of a row may have a name of its own.
 */
const OUR_OWN = [
  "LOGGED_MAX",
  "BATCH_MESSAGES_MAX",
  "AGENTS_MAX",
  "PATTERNS_CACHED_MAX",
  "PREPARED_MAX",
  "NOTED_MAX",
  "OTHERS_MS_MAX",
  "ROUNDS_MAX",
  "TEXTS_MAX",
  "TRIES_MAX",
  "OUTBOX_AGE_MS_MAX",
  "PRUNED_MAX",
  "RING_MS_MAX",
  "TOGETHER_MAX",
];
const scattered = (source: string): string[] =>
  [...source.matchAll(/^(?:export )?const (\w+_(?:MAX|PER_MINUTE))\b[^=]*= (?!BOUNDS\.)/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => !OUR_OWN.includes(name));

function table(): string {
  const lines = rows.map(([name, { max, unit, because, setting }]) => {
    const changed = setting === undefined ? "" : `\`${setting}\``;
    return `| ${name} | ${max.toLocaleString("en")} ${unit} | ${because} | ${changed} |`;
  });
  return ["| bound | at most | why | setting |", "| --- | --- | --- | --- |", ...lines, ""].join("\n");
}

describe("the bounds on what others can drive", () => {
  test("are listed", () => expect(table()).toMatchFileSnapshot("./surface/bounds.md"));
  test.for(rows)("%s is finite, and has its reason in a sentence", ([, { max, because }]) => {
    expect(Number.isInteger(max) && max > 0).toBe(true);
    expect(because).toMatch(/^[A-Z0-9`][^|]{15,180}\.$/);
  });
  test.for(rows)("%s is held somewhere", ([name]) => {
    const held = new RegExp(`\\bBOUNDS\\.${name}\\b`);
    expect(sources.some(({ source }) => held.test(source))).toBe(true);
  });
  test.for(rows.filter(([, { setting }]) => setting !== undefined))("%s can be set", ([, { setting }]) =>
    expect(settings).toContain(setting),
  );
});

describe("a bound that is not in the table", () => {
  test.for(sources)("$file has none", ({ source }) => expect(scattered(source)).toEqual([]));
  test.for<[source: string, names: string[]]>([
    ["const NAMES_MAX = 7;", ["NAMES_MAX"]],
    ["export const NAMES_MAX: number = 7;", ["NAMES_MAX"]],
    ["const NAMES_MAX = BOUNDS.names.max;", []],
    ["const NAMES_PER_MINUTE = 7;", ["NAMES_PER_MINUTE"]],
    ["const ROUNDS_MAX = 7;", []],
  ])("is found: %s", ([source, names]) => expect(scattered(source)).toEqual(names));
});
