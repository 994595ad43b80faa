import { describe, expect, test } from "vitest";
import { closeFence, type Reach, splitReply } from "./parts.ts";

const bytes = (part: string) => new TextEncoder().encode(part).length;
const words = (text: string) => text.split(/\s+/).filter((word) => word !== "" && !word.startsWith("```"));
const paragraph = (n: number) => `Paragraph ${n}: ${"lorem ipsum dolor sit amet ".repeat(n % 7)}end ${n}.`;
const code = (lines: number) =>
  `\`\`\`ts\n${Array.from({ length: lines }, (_, n) => `const line${n} = ${n};`).join("\n")}\n\`\`\``;

const TEXTS: Record<string, string> = {
  prose: Array.from({ length: 80 }, (_, n) => paragraph(n)).join("\n\n"),
  "one word without end": "x".repeat(5_000),
  "emoji without end": "👩‍👩‍👧‍👦🎉".repeat(400),
  "a fence larger than a part": `Look:\n\n${code(300)}\n\nThat was it.`,
  "prose and small fences": Array.from({ length: 30 }, (_, n) => `${paragraph(n)}\n\n${code(8)}`).join("\n\n"),
  "a fence that is never closed": `Look:\n\n${code(300).slice(0, -4)}`,
  "a fence of one long line": `\`\`\`\n${"0123456789".repeat(300)}\n\`\`\``,
};

/** As many bytes, with room for the line that closes a fence. */
const within =
  (max: number): Reach =>
  (text) =>
    text.length <= max && bytes(text) <= max
      ? text.length
      : new TextEncoder().encodeInto(text, new Uint8Array(max - 4)).read;
const split = (markdown: string, reach: Reach): string[] => [...splitReply(markdown, reach)];

describe("splitting a reply", () => {
  test("leaves a text that fits unchanged", () => expect(split("a\n\nb", within(10))).toEqual(["a\n\nb"]));
  test("makes an empty text one part", () => expect(split("", within(10))).toEqual([""]));

  describe.for(Object.entries(TEXTS))("%s", ([, text]) => {
    const parts = split(text, within(600));
    test("is more than one part", () => expect(parts.length).toBeGreaterThan(1));
    test("has no part that is too long", () => {
      expect(parts.filter((part) => bytes(part) > 600)).toEqual([]);
    });
    test("has no part that ends inside a fence", () => {
      expect(parts.slice(0, -1).filter((part) => closeFence(part) !== part)).toEqual([]);
    });
    test("breaks no character", () => expect(parts.filter((part) => !part.isWellFormed())).toEqual([]));
    test("loses nothing", () => expect(words(parts.join("\n")).join("")).toBe(words(text).join("")));
    test("keeps its first parts while it grows", () => {
      const shorter = split(text.slice(0, Math.floor(text.length * 0.7)), within(600));
      expect(parts.slice(0, shorter.length - 1)).toEqual(shorter.slice(0, -1));
    });
  });

  test("prefers the paragraph to the line and the line to the word", () => {
    const lines = "one two three\nfour five six\n\nseven eight nine ten";
    expect(split(lines, within(40))).toEqual(["one two three\nfour five six", "seven eight nine ten"]);
    expect(split("one two three\nfour five six seven eight", within(25))).toEqual([
      "one two three",
      "four five six seven eight",
    ]);
  });

  test("moves a fence that has room in the next part as a whole", () => {
    const parts = split(`${"word ".repeat(60)}\n\n${code(10)}`, within(400));
    expect(parts.at(-1)).toBe(code(10));
  });

  test("measures each part once, and only those that are asked for", () => {
    let measured = 0;
    const reach: Reach = (text) => within(4_000)(text) + 0 * measured++;
    const text = TEXTS["prose"]?.repeat(20) ?? "";
    const [first] = splitReply(text, reach);
    expect([first, measured]).toEqual([split(text, within(4_000))[0], 1]);
    measured = 0;
    expect(split(text, reach)).toHaveLength(measured);
  });

  test.for(["~".repeat(5_000), `${"`".repeat(900)}\n${"a".repeat(5_000)}`])(
    "ends where a fence opens without end",
    (text) => expect(split(text, within(600)).join("").replaceAll("\n", "")).toBe(text.replaceAll("\n", "")),
  );
});
