/** Each limit of D1 can be seen: the statement or row that breaks it fails, and the one that just keeps it does not. */
import { applyD1Migrations, type D1Migration, env, reset } from "cloudflare:test";
import { beforeEach, describe, expect, test } from "vitest";
import { D1_LIMITS, limitedD1, limitRows } from "./limited.ts";

const { DB, TEST_MIGRATIONS } = env as typeof env & { TEST_MIGRATIONS: D1Migration[] };

beforeEach(async () => {
  await reset();
  await applyD1Migrations(DB, TEST_MIGRATIONS);
  await limitRows(DB);
});

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

/** Runs a statement on a D1 of one invocation. */
const run = (text: string, values: readonly unknown[] = [], limits = D1_LIMITS) =>
  limitedD1(DB, limits)
    .database.prepare(text)
    .bind(...values)
    .all();
const mark = (value: string) => run("INSERT INTO marks (name, value) VALUES ('x', ?)", [value]);
const agentOf = (bytes: number) =>
  run("INSERT INTO agents (id, agent, retired, name_key) VALUES (?, ?, 0, ?)", [
    "x",
    "a".repeat(bytes / 2),
    "b".repeat(bytes / 2),
  ]);

describe("a D1 with limits refuses what is beyond", () => {
  test.for<[limit: string, within: () => Promise<unknown>, beyond: () => Promise<unknown>]>([
    [
      "parameters",
      () => run(`SELECT ${numbers(100).map(() => "?")}`, numbers(100)),
      () => run(`SELECT ${numbers(101).map(() => "?")}`, numbers(101)),
    ],
    [
      "the length of a statement",
      () => run(`SELECT '${"é".repeat(49_990)}'`),
      () => run(`SELECT '${"é".repeat(50_000)}'`),
    ],
    [
      "a string that is sent",
      () => run("SELECT length(?)", ["x".repeat(2_000_000)]),
      () => run("SELECT length(?)", ["x".repeat(2_000_001)]),
    ],
    ["a string that is stored", () => mark("x".repeat(1024 * 1024)), () => mark("x".repeat(1024 * 1024 + 1))],
    [
      "a string that a statement makes",
      () => run("INSERT INTO marks (name, value) VALUES ('x', replace(hex(zeroblob(500000)), '00', 'é'))"),
      () => run("INSERT INTO marks (name, value) VALUES ('x', replace(hex(zeroblob(600000)), '00', 'é'))"),
    ],
    ["a row", () => agentOf(1_499_000), () => agentOf(1_500_002)],
    [
      "a pattern of GLOB",
      () => run("SELECT 'x' GLOB ?", ["x".repeat(50)]),
      () => run("SELECT 'x' GLOB ?", ["x".repeat(51)]),
    ],
    [
      "a pattern of LIKE",
      () => run("SELECT 'x' LIKE ?", ["x".repeat(50)]),
      () => run("SELECT 'x' LIKE ?", ["x".repeat(51)]),
    ],
    ["the arguments of a function", () => run(`SELECT max(${numbers(32)})`), () => run(`SELECT max(${numbers(33)})`)],
    [
      "the bytes of a result",
      () => run("SELECT ?", ["x".repeat(1_000)], { ...D1_LIMITS, resultBytes: 1_000 }),
      () => run("SELECT ?", ["x".repeat(1_001)], { ...D1_LIMITS, resultBytes: 1_000 }),
    ],
    ["the time of a query", () => run("SELECT 1"), () => run("SELECT 1", [], { ...D1_LIMITS, queryMs: -1 })],
  ])("%s", async ([, within, beyond]) => {
    await within();
    await DB.batch([DB.prepare("DELETE FROM marks"), DB.prepare("DELETE FROM agents")]);
    await expect(Promise.resolve().then(beyond)).rejects.toThrow(/beyond a limit of D1|too (complex|many)/);
  });

  test("an update that makes a row too large, with its whole batch", async () => {
    await mark("small");
    const { database } = limitedD1(DB);
    const grow = database.prepare("UPDATE marks SET value = ?").bind("x".repeat(1_100_000));
    const other = database.prepare("INSERT INTO marks (name, value) VALUES ('y', '')").bind();
    await expect(database.batch([other, grow])).rejects.toThrow(/beyond a limit of D1: a row of marks/);
    expect((await run("SELECT name, value FROM marks")).results).toEqual([{ name: "x", value: "small" }]);
  });

  test("more statements than an invocation may make, each of a batch counted", async () => {
    const { database, begin } = limitedD1(DB);
    const one = () => database.prepare("SELECT 1").bind();
    await database.batch(numbers(499).map(one));
    await one().all();
    await expect(one().all()).rejects.toThrow(/statements of an invocation: 501, at most 500/);
    begin();
    await one().all();
  });
});
