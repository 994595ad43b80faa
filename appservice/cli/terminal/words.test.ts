import { describe, expect, test } from "vitest";
import { whereIs } from "../api/where.ts";
import { settingsOf } from "./assignments.ts";
import { changeLines } from "./diff.ts";
import { columns, plain } from "./terminal.ts";

describe("changes", () => {
  const CHANGES = [
    { path: "agents.a", after: { name: "A" } },
    { path: "agents.b.mention", before: true, after: false },
    { path: "groups.x", before: ["@a:b"] },
  ];
  test("are a line each, with a sign", () => {
    expect(changeLines(CHANGES, false)).toEqual([
      '+ agents.a: {"name":"A"}',
      "~ agents.b.mention: true → false",
      '- groups.x: ["@a:b"]',
    ]);
  });
  test("are green, yellow and red where there are colours", () => {
    expect(changeLines(CHANGES, true).map((line) => line.slice(0, 5))).toEqual(["\x1b[32m", "\x1b[33m", "\x1b[31m"]);
  });
  test("neither fill the screen nor move the cursor", () => {
    const [line = ""] = changeLines([{ path: "rooms.!\x1b[2J", after: "x\u202e".repeat(500) }], false);
    expect(line.length).toBeLessThan(160);
    for (const sign of ["\x1b", "\u202e"]) expect(line).not.toContain(sign);
  });
});

test("columns are as wide as what is in them, and plain", () => {
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
  ])("%s is %j", ([text, value]) => expect(settingsOf([text])).toEqual({ k: value }));

  test("goes deeper with dots", () => {
    expect(settingsOf(["turns.queue=5", "turns.debounce=2", "mention=false"])).toEqual({
      turns: { queue: 5, debounce: 2 },
      mention: false,
    });
    expect(settingsOf(["__proto__.x=1"])).not.toHaveProperty("x");
  });
  test.for([["mention"], ["=1"], ["users=[@a:b"], ["a b=1"]])("%s is refused", ([text = ""]) =>
    expect(() => settingsOf([text])).toThrow(),
  );
});

describe("where the bridge is", () => {
  const playground = { bridge: "http://127.0.0.1:7/", adminToken: "of-playground" };
  test.for<[what: string, url: string | undefined, env: Record<string, string>, written: unknown, where: object]>([
    ["a token alone", undefined, { ADMIN_TOKEN: "t" }, undefined, { url: "http://127.0.0.1:9993", token: "t" }],
    ["a token and a URL", "http://b/", { ADMIN_TOKEN: "t" }, playground, { url: "http://b", token: "t" }],
    ["a playground", undefined, {}, playground, { url: "http://127.0.0.1:7", token: "of-playground" }],
    ["its URL", "http://127.0.0.1:7", {}, playground, { url: "http://127.0.0.1:7", token: "of-playground" }],
  ])("is found with %s", ([, url, env, written, where]) => expect(whereIs(url, env, written)).toEqual(where));

  test.for<[what: string, url: string | undefined, written: unknown]>([
    ["nothing", undefined, undefined],
    ["the playground's token for another bridge", "http://evil.test", playground],
    ["a playground of an earlier version", undefined, { bridge: "http://127.0.0.1:7" }],
  ])("is not said with %s", ([, url, written]) =>
    expect(() => whereIs(url, {}, written)).toThrow("ADMIN_TOKEN is not set"),
  );
});
