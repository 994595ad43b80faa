/** Which room may import which, and how large folders may be. These tables are the rule; the README describes them. */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, test } from "vitest";
import { SPEC_VERSION } from "#core/protocol/version.ts";

const EVERY_ROOM = ["core", "ports"];
const APP = [
  "app",
  "admin",
  "backends",
  "delivery",
  "ingress",
  "lanes",
  "ledger",
  "matrix",
  "observe",
  "router",
  "turns",
];
const NODE = ["node:*", "yaml", "@hono/node-server", "libsql", "@libsql/client", "drizzle-orm"];

const MAY_IMPORT: Record<string, readonly string[]> = {
  // re2js: regular expressions of operators must not be able to block the process.
  core: ["zod", "re2js"],
  ports: ["core"],
  ingress: [...EVERY_ROOM, "body-bound", "bounded-text", "hono"],
  ledger: [...EVERY_ROOM, "drizzle-orm", "@libsql/client"],
  router: [...EVERY_ROOM, "@noble/hashes"],
  lanes: EVERY_ROOM,
  turns: EVERY_ROOM,
  backends: [...EVERY_ROOM, "zod", "ai", "@ai-sdk/openai-compatible"],
  delivery: [...EVERY_ROOM, "marked"],
  // zod: answers of the homeserver are parsed where they arrive.
  matrix: [...EVERY_ROOM, "bounded-text", "zod"],
  admin: [...EVERY_ROOM, "body-bound", "hono"],
  observe: EVERY_ROOM,
  clock: ["ports"],
  "body-bound": ["hono"],
  "bounded-text": [],
  "lane-work": [...EVERY_ROOM, "delivery", "router", "turns"],
  app: [...APP, "lane-work", "core", "ports", "hono"],
  host: ["core", "ports", "app", "clock", "ledger", "observe", "@libsql/client", "cloudflare:workers"],
  index: ["app", "host"],
  "appservice/host": [...NODE, ...APP, "core", "ports", "bounded-text", "clock", "zod"],
  "appservice/cli": [
    ...NODE,
    "core",
    "zod",
    "appservice/host",
    "appservice/playground",
    "commander",
    "matrix-appservice-bridge",
  ],
  "appservice/playground": [...NODE, "core", "zod", "appservice/host"],
  "appservice/index": ["appservice/cli", "appservice/host", "appservice/playground"],
  // Test harness: it runs the product from outside.
  "appservice/live": [
    ...NODE,
    "core",
    "testing",
    "appservice/playground",
    "vitest",
    "@copilotkit/aimock",
    "matrix-js-sdk",
  ],
};

/**
 * The folders of each room, and the files that its folders need, from bottom to top. A folder imports only entries before
 * it. Files that are not listed may import all folders of their room.
 */
const STANDS_ON: Record<string, readonly string[]> = {
  core: [
    "result.ts",
    "bounds",
    "bounds.ts",
    "protocol",
    "message",
    "access",
    "configuration",
    "retention.ts",
    "turn",
    "gate",
    "strings",
  ],
  ledger: ["schema", "sql", "configuration", "upkeep", "turns", "rooms", "repair"],
  router: ["digest.ts", "rooms", "occasion.ts", "new-turn.ts", "wake.ts", "commands"],
  delivery: ["html"],
  backends: ["echo", "scripted", "openai", "secrets"],
  "appservice/host": ["environment.ts", "process", "private-files.ts", "locks", "configuration", "requests"],
  "appservice/cli": ["terminal", "api", "operator"],
  "appservice/live": ["hosts.ts", "model.ts", "chaos"],
};

/** The room of a file: `worker/core/gate.ts` → core, `appservice/cli/chat.ts` → appservice/cli. */
function room(file: string): string {
  const [top = "", second = ""] = file.replace(/\.ts$/, "").split("/");
  return top === "appservice" ? `appservice/${second}` : second;
}

const importsOf = (source: string) =>
  [...source.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");

function target(from: string, specifier: string): string {
  if (specifier.startsWith("#")) return specifier.slice(1).split("/")[0] ?? "";
  if (specifier.startsWith(".")) return room(posix.join(posix.dirname(from), specifier));
  if (specifier.startsWith("node:")) return "node:*";
  return specifier.match(/^(@[^/]+\/)?[^/]+/)?.[0] ?? specifier;
}

function forbidden(from: string, specifier: string): boolean {
  const to = target(from, specifier);
  return to !== room(from) && !MAY_IMPORT[room(from)]?.includes(to);
}

/** The entry of its room that a file belongs to: `worker/core/gate/gate.ts` → gate, `worker/core/result.ts` → result.ts. */
function entryOf(file: string): string {
  const parts = file.split("/");
  return parts[room(file).split("/").length + (parts[0] === "appservice" ? 0 : 1)] ?? "";
}

/** The file that an import means; undefined for packages. */
function fileOf(from: string, specifier: string): string | undefined {
  if (specifier.startsWith("#")) return `worker/${specifier.slice(1)}`;
  return specifier.startsWith(".") ? posix.join(posix.dirname(from), specifier) : undefined;
}

/** Whether an import within a room goes upward: from a folder to an entry that is not below it. */
function climbs(from: string, specifier: string): boolean {
  const to = fileOf(from, specifier);
  if (to === undefined || room(to) !== room(from)) return false;
  const ground = STANDS_ON[room(from)] ?? [];
  const [above, below] = [entryOf(from), entryOf(to)];
  if (above === below || (!ground.includes(above) && above.endsWith(".ts"))) return false;
  return !ground.slice(0, Math.max(ground.indexOf(above), 0)).includes(below);
}

/** Import cycles, each once, as the list of their files. Imports of types count. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) found.push(path.slice(at));
    if (at >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  return found;
}

const isTest = (file: string) => /\.(test|contract|suite)\.ts$|\/testing\/|\.d\.ts$/.test(file);
const files = globSync(["worker/**/*.ts", "appservice/**/*.ts"]).filter((file) => !isTest(file));

describe("boundaries", () => {
  test("looks at the whole tree", () => expect(files.length).toBeGreaterThan(60));
  test("sees every form of import", () => {
    const source = 'import "a"; import b from "b"; export * from "c"; await import("d"); import type { E } from "e";';
    expect(importsOf(source)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test.for(files)("%s", (file) => {
    expect(importsOf(readFileSync(file, "utf8")).filter((to) => forbidden(file, to))).toEqual([]);
  });

  test.for(files)("%s imports only entries below it in its room", (file) => {
    expect(importsOf(readFileSync(file, "utf8")).filter((to) => climbs(file, to))).toEqual([]);
  });

  test("knows every folder of a room", () => {
    const folders = files.filter((file) => /^[^.]+$/.test(entryOf(file)));
    const unknown = folders.filter((file) => !STANDS_ON[room(file)]?.includes(entryOf(file)));
    expect(unknown).toEqual([]);
  });

  test.for<[from: string, to: string]>([
    ["worker/core/protocol/x.ts", "../message/x.ts"],
    ["worker/core/message/x.ts", "../turn/turn.ts"],
    ["worker/core/turn/x.ts", "#core/gate/facts.ts"],
    ["worker/core/gate/x.ts", "../unlisted/x.ts"],
    ["worker/ledger/sql/x.ts", "../ledger.ts"],
    ["worker/ledger/turns/x.ts", "../rooms/decide.ts"],
    ["worker/router/rooms/x.ts", "../wake.ts"],
    ["worker/router/commands/x.ts", "../act.ts"],
    ["worker/backends/echo/x.ts", "../registry.ts"],
    ["appservice/cli/terminal/x.ts", "../operator/apply.ts"],
    ["appservice/cli/api/x.ts", "../index.ts"],
  ])("would catch the upward import %s → %s", ([from, to]) => expect(climbs(from, to)).toBe(true));

  test.for<[from: string, to: string]>([
    ["worker/core/gate/x.ts", "../protocol/ids.ts"],
    ["worker/core/gate/x.ts", "./facts.ts"],
    ["worker/core/gate/x.ts", "#core/result.ts"],
    ["worker/ledger/ledger.ts", "./rooms/decide.ts"],
    ["worker/turns/x.ts", "#core/gate/facts.ts"],
    ["worker/core/gate/x.ts", "zod/v4"],
  ])("lets %s import %s", ([from, to]) => expect(climbs(from, to)).toBe(false));

  test("has no import cycle", () => {
    const imports = new Map(
      files.map((file) => [
        file,
        importsOf(readFileSync(file, "utf8")).flatMap((specifier) => fileOf(file, specifier) ?? []),
      ]),
    );
    expect(circles(imports)).toEqual([]);
  });
  test("would catch an import cycle", () => {
    const imports = new Map([
      ["a", ["b", "c"]],
      ["b", ["c"]],
      ["c", ["d"]],
      ["d", ["b"]],
    ]);
    expect(circles(imports)).toEqual([["b", "c", "d"]]);
  });

  test.for<[from: string, to: string]>([
    ["worker/core/x.ts", "#ports/host.ts"],
    ["worker/core/x.ts", "../ports/host.ts"],
    ["worker/core/protocol/x.ts", "../../ledger/x.ts"],
    ["worker/core/x.ts", "hono"],
    ["worker/ports/x.ts", "hono"],
    ["worker/ingress/x.ts", "../ledger/x.ts"],
    ["worker/ledger/x.ts", "hono"],
    ["worker/router/x.ts", "../ingress/x.ts"],
    ["worker/router/x.ts", "drizzle-orm/d1"],
    ["worker/router/x.ts", "#testing/events.ts"],
    ["worker/lanes/x.ts", "../turns/x.ts"],
    ["worker/lanes/x.ts", "zod"],
    ["worker/backends/echo/x.ts", "../../ledger/x.ts"],
    ["worker/turns/x.ts", "cloudflare:workers"],
    ["worker/turns/x.ts", "ai"],
    ["worker/delivery/x.ts", "../matrix/x.ts"],
    ["worker/matrix/x.ts", "../delivery/x.ts"],
    ["worker/admin/x.ts", "../ledger/x.ts"],
    ["worker/observe/x.ts", "node:fs"],
    ["worker/clock.ts", "#core/result.ts"],
    ["worker/lane-work.ts", "./app.ts"],
    ["worker/lane-work.ts", "./matrix/ghosts.ts"],
    ["worker/app.ts", "./host/lane.ts"],
    ["worker/host/x.ts", "node:fs"],
    ["worker/index.ts", "cloudflare:workers"],
    ["appservice/host/x.ts", "cloudflare:workers"],
    ["appservice/cli/x.ts", "../../worker/router/x.ts"],
    ["appservice/playground/x.ts", "../cli/x.ts"],
    ["appservice/index.ts", "node:fs"],
    ["appservice/keys/x.ts", "../../worker/router/x.ts"],
  ])("would catch %s → %s", ([from, to]) => expect(forbidden(from, to)).toBe(true));
});

/** Globals that make `core` impure or that only Node has, and comments that switch off checks. */
const BANNED: Array<[room: RegExp, words: RegExp]> = [
  [/^worker\/core\//, /\bMath\.random\b|\bnew Date\b|\bDate\.now\b|\bsetTimeout\b|\bcrypto\./],
  [/^worker\//, /\bprocess\.|\bBuffer\b|\b__dirname\b/],
  [/./, /@ts-ignore|@ts-nocheck|@ts-expect-error|biome-ignore|eslint-disable/],
];
const bannedIn = (file: string, source: string) =>
  BANNED.filter(([where, words]) => where.test(file) && words.test(source)).map(([, words]) => String(words));

describe("banned words", () => {
  test.for(files)("are not in %s", (file) => expect(bannedIn(file, readFileSync(file, "utf8"))).toEqual([]));
  test.for([
    ["worker/core/x.ts", "Math.random()"],
    ["worker/turns/x.ts", "process.env.X"],
    ["worker/matrix/x.ts", "Buffer.from(x)"],
    ["appservice/cli/x.ts", "// @ts-ignore"],
  ] as const)("would be caught in %s: %s", ([file, source]) => expect(bannedIn(file, source)).toHaveLength(1));
});

const ENTRIES_MAX = 12;
/** The code files and folders in each folder. Tests, contracts and generated files do not count, nor does `worker/`. */
function entries(paths: readonly string[]): Map<string, Set<string>> {
  const folders = new Map<string, Set<string>>();
  for (const path of paths.filter((file) => !isTest(file))) {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      if (folder === "worker") continue;
      folders.set(folder, (folders.get(folder) ?? new Set()).add(parts[depth] ?? ""));
    }
  }
  return folders;
}
const crowded = (paths: readonly string[]) =>
  [...entries(paths)].filter(([, set]) => set.size > ENTRIES_MAX).map(([name]) => name);

describe("the repository", () => {
  const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
    .trim()
    .split("\n");
  const code = tracked.filter((file) => /\.(ts|js|mjs|cjs)$/.test(file));

  test("has no crowded folder", () => expect(crowded(code)).toEqual([]));
  test("would catch a crowded folder", () => {
    expect(crowded(Array.from({ length: 13 }, (_, n) => `worker/core/x${n}.ts`))).toEqual(["worker/core"]);
  });
  test("has no file with a meaningless name", () => {
    const meaningless =
      /(^|[/-])(manager|handler|helper|utils|common|misc|service|controller|processor|data|info|base|bridge)(\.|\/|$)/;
    expect(code.filter((file) => meaningless.test(file))).toEqual([]);
    expect(meaningless.test("worker/core/utils.ts")).toBe(true);
  });
  test("links to one version of the specification", () => {
    const links = tracked
      .filter((file) => /\.(ts|md)$/.test(file))
      .flatMap((file) =>
        [...readFileSync(file, "utf8").matchAll(/spec\.matrix\.org\/([^/\s)]+)/g)].map((match) => match[1]),
      );
    expect(links.length).toBeGreaterThan(10);
    expect(new Set(links)).toEqual(new Set([SPEC_VERSION]));
  });
});
