/** How Markdown is rendered within bounds: in pieces, and what would cost too much is shown as it is. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { PATHOLOGICAL, repeated } from "#testing/mangle/texts.ts";
import { piecesOf } from "./pieces.ts";
import { toHtml } from "./render.ts";

/** The HTML, and how often other work could go on. */
async function rendered(markdown: string) {
  let pauses = 0;
  const html = await toHtml(markdown, async () => void pauses++);
  return { html, pauses };
}

const LONG = 14_000;

describe("a text that would cost a parser seconds", () => {
  test.for(Object.entries(PATHOLOGICAL))("%s is parsed in pieces that are short, or shown as it is", ([, piece]) => {
    const pieces = piecesOf(repeated(piece, 60_000));
    const parsed = pieces.filter(({ kind }) => kind === "markdown");
    expect(parsed.filter(({ text }) => text.length > 1.25 * BOUNDS.parsedAtOnce.max + 2_100)).toEqual([]);
  });
  test.for(["_a_b ", "_private __init__ ", "***a** ", "~/a ~b~ ", "~~a~", "[", ">", "1. ", "[a]("])(
    "%s in one line is sent without HTML",
    async (piece) => expect(await rendered(repeated(piece, LONG))).toEqual({ html: undefined, pauses: 0 }),
  );
  test("a paragraph of it leaves the HTML of the others", async () => {
    const { html } = await rendered(`**before**\n\n${repeated("_a_b ", LONG)}\n\n**behind**`);
    expect(html).toContain("<strong>before</strong>");
    expect(html).toContain("<p>_a_b _a_b");
    expect(html).toContain("<strong>behind</strong>");
  });
  test("quotations and lists nested too deeply are shown as they are", async () => {
    const { max } = BOUNDS.nesting;
    expect((await rendered(`${">".repeat(max)} a`)).html).toContain("<blockquote>");
    expect((await rendered(`${">".repeat(max + 1)} a`)).html).toBeUndefined();
    expect((await rendered(`${"* ".repeat(600)}\n${"    ".repeat(max)}- a`)).html).toBeUndefined();
  });
  test("a short text with costly emphasis is shown as it is", async () => {
    expect((await rendered(repeated("_[a *[  ", 2_000))).html).toBeUndefined();
  });
});

describe("a long ordinary text is rendered, and other work goes on meanwhile", () => {
  test.for<[name: string, piece: string, html: string, times: number]>([
    ["of items", "* **name**: what `it_is` and *why*\n", "<li><strong>name</strong>", 400],
    ["of numbered items", "1. **name**: what `it_is` and *why*\n", "<li><strong>name</strong>", 350],
    ["of paragraphs", `A _word_ in ${"some text, ".repeat(40)} and **another**.\n\n`, "<em>word</em>", 20],
    ["of code", "```\nsnake_case(__init__, *args, **kwargs)\n```\n", "snake_case(__init__, *args, **kwargs)", 200],
    ["of tables", "| name | sense |\n|-|-|\n| a_b_c | **d** |\n\n", "<td><strong>d</strong></td>", 150],
  ])("%s", async ([, piece, part, times]) => {
    const { html, pauses } = await rendered(piece.repeat(times));
    expect(html?.split(part)).toHaveLength(times + 1);
    expect(pauses).toBeGreaterThan(2);
  });
  test("of one table, whose head is repeated", async () => {
    const { html } = await rendered(`| a | b |\n|---|---|\n${"| **c** | d |\n".repeat(400)}`);
    expect(html?.split("<td><strong>c</strong></td>")).toHaveLength(401);
    expect(html?.match(/<table>/g)?.length).toBe(html?.match(/<th>a<\/th>/g)?.length);
  });
  test("of one block of code", async () => {
    const { html, pauses } = await rendered(
      `Look:\n\n\`\`\`ts\n${"const a = [1] < b;\n".repeat(500)}\`\`\`\n\n**Done.**`,
    );
    expect(html).toContain('<pre><code class="language-ts">const a = [1] &lt; b;');
    expect(html).toContain("<strong>Done.</strong>");
    expect(html).not.toContain("```");
    expect(pauses).toBe(2);
  });
  test("with links that are defined at its end", async () => {
    const { html } = await rendered(`${"See [the page][1], please.\n\n".repeat(150)}[1]: https://x.test/a`);
    expect(html?.split('<a href="https://x.test/a">the page</a>')).toHaveLength(151);
  });
});
