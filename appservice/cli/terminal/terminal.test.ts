/** The output of the commands, and how they read their arguments. */
import { describe, expect, test } from "vitest";
import { settingsOf } from "./assignments.ts";
import { changeLines } from "./diff.ts";
import { columns, plain } from "./terminal.ts";

describe("changes", () => {
  const CHANGES = [
    { path: "agents.a", after: { name: "A" } },
    { path: "agents.b.mention", before: true, after: false },
    { path: "groups.x", before: ["@a:b"] },
  ];
  test("are one line each, with a sign", () => {
    expect(changeLines(CHANGES, false)).toEqual([
      '+ agents.a: {"name":"A"}',
      "~ agents.b.mention: true → false",
      '- groups.x: ["@a:b"]',
    ]);
  });
  test("are green, yellow and red on a coloured terminal", () => {
    expect(changeLines(CHANGES, true).map((line) => line.slice(0, 5))).toEqual(["\x1b[32m", "\x1b[33m", "\x1b[31m"]);
  });
  test("are cut to a length, without control characters", () => {
    const [line = ""] = changeLines([{ path: "rooms.!\x1b[2J", after: "x\u202e".repeat(500) }], false);
    expect(line.length).toBeLessThan(160);
    for (const sign of ["\x1b", "\u202e"]) expect(line).not.toContain(sign);
  });
});

test("columns are as wide as their longest cell, without control characters", () => {
  expect(
    columns([
      ["a", "bb", "c"],
      ["aaa", "b", ""],
    ]),
  ).toEqual(["a    bb  c", "aaa  b"]);
  expect(plain("a\tb\x07")).toBe("a\u{fffd}b\u{fffd}");
});

describe("key=value", () => {
  test.for<[text: string, value: unknown]>([
    ["k=true", true],
    ["k=3", 3],
    ["k=0.5", 0.5],
    ["k=null", null],
    ["k=", ""],
    ["k=hello there", "hello there"],
    ["k=one: two # three", "one: two # three"],
    ["k=a=b", "a=b"],
    ['k="true"', "true"],
    ["k=$NAME", "$NAME"],
    ["k=@alice:example.org", "@alice:example.org"],
    ["k=#room:example.org", "#room:example.org"],
    ["k=!room", "!room"],
    ['k=["@a:b", "local"]', ["@a:b", "local"]],
    ["k=[a, b]", ["a", "b"]],
    ['k={"a": 1}', { a: 1 }],
  ])("%s is read as %j", ([text, value]) => expect(settingsOf([text])).toEqual({ k: value }));

  test("goes deeper with dots in the key", () => {
    expect(settingsOf(["turns.queue=5", "turns.debounce=2", "mention=false"])).toEqual({
      turns: { queue: 5, debounce: 2 },
      mention: false,
    });
    expect(settingsOf(["__proto__.x=1"])).not.toHaveProperty("x");
  });
  test.for([["mention"], ["=1"], ["users=[@a:b"], ["a b=1"]])("%s is rejected", ([text = ""]) =>
    expect(() => settingsOf([text])).toThrow(),
  );
});
