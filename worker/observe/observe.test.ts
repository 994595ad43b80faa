import { describe, expect, test } from "vitest";
import { createLog, type Line } from "./log.ts";
import { secretCheck } from "./secrets.ts";

describe("a secret", () => {
  test.for<[given: string | undefined, right: boolean]>([
    ["the-token", true],
    ["the-tokem", false],
    ["the-toke", false],
    ["the-token-and-more", false],
    ["", false],
    [undefined, false],
  ])("shown as %s: %s", async ([given, right]) => expect(await secretCheck("the-token")(given)).toBe(right));
});

describe("the log", () => {
  const written = (secrets: Array<string | undefined>, fields: Record<string, string | number | undefined>) => {
    const lines: Line[] = [];
    createLog((line) => lines.push(line), secrets)("turn_failed", fields);
    return lines;
  };
  test("has a level for its event, and leaves out what is not there", () => {
    expect(written([], { code: "auth", detail: undefined, attempt: 2 })).toEqual([
      { level: "warn", event: "turn_failed", fields: { code: "auth", attempt: 2 } },
    ]);
  });
  test("never holds a secret, wherever it stands", () => {
    const [line] = written(["hs-token-1", undefined], { detail: "Bearer hs-token-1 was refused: hs-token-1" });
    expect(line?.fields).toEqual({ detail: "Bearer […] was refused: […]" });
  });
});
