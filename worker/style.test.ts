/** Style that the formatter and linter do not see: how comments begin, and lines that the formatter could not break. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const LINE_LENGTH_MAX = 120;

const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" });
const files = tracked.split("\n").filter((file) => /\.(ts|js|mjs|cjs)$/.test(file) && !file.endsWith(".d.ts"));
const linesOf = (file: string): string[] => readFileSync(file, "utf8").split("\n");

/** The numbers of lines that begin a comment, or a sentence in a comment of several lines, with "Of". */
function commentsWithOf(lines: readonly string[]): number[] {
  return lines.flatMap((line, at) => {
    const before = lines[at - 1] ?? "";
    const begins = /(?:\/\*\*?|\/\/) +Of\b/.test(line);
    const continues = /^ *\* +Of\b/.test(line) && /^ *(?:\/\*\*?|\*)$|[.!?:]$/.test(before.trimEnd());
    return begins || continues ? [at + 1] : [];
  });
}

/** The numbers of lines whose code is too long, without comments and the contents of strings. */
function longLines(lines: readonly string[]): number[] {
  return lines.flatMap((line, at) => {
    if (line.length <= LINE_LENGTH_MAX || /^ *(?:\/\/|\/\*|\*)/.test(line)) return [];
    const code = line
      .replace(/(["'`])(?:\\.|(?!\1).)*\1/g, "$1$1")
      .replace(/`[^`]*$/, "`")
      .replace(/ *\/\/ .*$/, "");
    return code.length > LINE_LENGTH_MAX ? [at + 1] : [];
  });
}

describe("style", () => {
  test("looks at the whole tree", () => expect(files.length).toBeGreaterThan(200));
  test.for(files)("%s has no comment that begins with Of", (file) => expect(commentsWithOf(linesOf(file))).toEqual([]));
  test.for(files)("%s has no code line that is too long", (file) => expect(longLines(linesOf(file))).toEqual([]));

  const sentence = "Of a room only the first is known.";
  test.for<[comment: string, lines: string[]]>([
    ["a line comment", [`// ${sentence}`]],
    ["a comment behind code", [`const a = 1; // ${sentence}`]],
    ["a documentation comment", [`/** ${sentence} */`]],
    ["the first line of a long comment", ["/**", ` * ${sentence}`, " */"]],
    ["a later sentence", ["/**", " * One thing.", ` * ${sentence}`, " */"]],
  ])("would catch %s that begins with Of", ([, lines]) => expect(commentsWithOf(lines)).toHaveLength(1));
  test.for<[text: string, lines: string[]]>([
    ["a sentence that continues", ["/**", " * The first", " * Of all.", " */"]],
    ["a string", ['const words = "Of a room";']],
    ["another word", ["// Often the first is known."]],
  ])("lets %s pass", ([, lines]) => expect(commentsWithOf(lines)).toEqual([]));

  test.for<[line: string, isLong: boolean]>([
    [`const sum = ${"a + ".repeat(40)}b;`, true],
    [`  SELECT ${"a, ".repeat(40)}b FROM c`, true],
    [`const text = "${"a".repeat(130)}";`, false],
    [`const text = \`${"a".repeat(130)}\`;`, false],
    [`const text = \`${"a".repeat(130)}`, false],
    [`// ${"a ".repeat(80)}`, false],
    [`const a = 1; // ${"a ".repeat(80)}`, false],
  ])("finds the length of %s: too long is %s", ([line, isLong]) =>
    expect(longLines([line])).toHaveLength(isLong ? 1 : 0),
  );
});
