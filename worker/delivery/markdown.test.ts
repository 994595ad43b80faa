/** How much of Markdown is rendered: a text that strangers made expensive is shown as it is. */
import { describe, expect, test } from "vitest";
import { toHtml } from "./markdown.ts";

describe("a text with so many marks of emphasis that `marked` would need seconds", () => {
  test.for(["_a_b ", "_private __init__ ", "***a** ", "~/a ~b~ ", "~~a~"])("%s is not rendered", (piece) =>
    expect(toHtml(piece.repeat(60_000 / piece.length))).toBeUndefined(),
  );
});

describe("a long ordinary text is rendered", () => {
  test.for<[name: string, piece: string, html: string]>([
    ["of items", "* **name**: what `it_is` and *why*\n", "<li><strong>name</strong>"],
    ["of paragraphs", `A _word_ in ${"some text, ".repeat(40)} and **another**.\n\n`, "<em>word</em>"],
    ["of code", "```\nsnake_case(__init__, *args, **kwargs)\n```\n", "snake_case(__init__, *args, **kwargs)"],
    ["of tables", "| name | sense |\n|-|-|\n| a_b_c | **d** |\n\n", "<td><strong>d</strong></td>"],
  ])("%s", ([, piece, html]) => expect(toHtml(piece.repeat(55_000 / piece.length))).toContain(html));
});

test("nesting that overflows the stack of `marked` is not rendered", () => {
  expect(toHtml(">".repeat(20_000))).toBeUndefined();
});
