import { describe, expect, test } from "vitest";
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
  const linesOf = (secrets: Array<string | undefined>, fields: Record<string, string | number | undefined>) => {
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
    const [line] = linesOf(["hs-token-1", undefined], { detail: "Bearer hs-token-1 was refused: hs-token-1" });
    expect(line?.fields).toEqual({ detail: "Bearer […] was refused: […]" });
  });
});
