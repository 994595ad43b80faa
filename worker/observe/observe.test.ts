import { describe, expect, test } from "vitest";
import type { Json } from "#core/protocol/event.ts";
import { createLog, type Line } from "./log.ts";
import { matchesSecret } from "./secrets.ts";

describe("the secret the-token", () => {
  test.for<[given: string | undefined, isEqual: boolean]>([
    ["the-token", true],
    ["the-tokem", false],
    ["the-toke", false],
    ["the-token-and-more", false],
    ["", false],
    [undefined, false],
  ])("equals %s: %s", async ([given, isEqual]) => expect(await matchesSecret("the-token")(given)).toBe(isEqual));
});

describe("the log", () => {
  const linesOf = (secrets: string[], fields: Record<string, Json | undefined>) => {
    const lines: Line[] = [];
    createLog((line) => lines.push(line), secrets)("turn_failed", fields);
    return lines;
  };
  test("has the level of the event and leaves out undefined fields", () => {
    expect(linesOf([], { code: "auth", detail: undefined, attempt: 2 })).toEqual([
      { level: "warn", event: "turn_failed", fields: { code: "auth", attempt: 2 } },
    ]);
  });
  test("contains no secret, not even within a text", () => {
    const [line] = linesOf(["hs-token-1"], { detail: "Bearer hs-token-1 was refused: hs-token-1" });
    expect(line?.fields).toEqual({ detail: "Bearer […] was refused: […]" });
  });
  test("contains no secret deep in a field, and no credential of any URL", () => {
    const fields = { list: ["hs-token-1", { deep: "x hs-token-1" }], error: "cannot reach https://u:p@a.test/?key=k" };
    const [line] = linesOf(["hs-token-1"], fields);
    expect(line?.fields).toEqual({
      list: ["[…]", { deep: "x […]" }],
      error: "cannot reach https://********@a.test/?key=********",
    });
  });
});
