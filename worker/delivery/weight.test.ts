/** Parts are cut by weight, without rendering. */
import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { EventId } from "#core/protocol/ids.ts";
import { aStoredTurn } from "#testing/ledger-rows.ts";
import { PATHOLOGICAL, repeated } from "#testing/mangle/texts.ts";
import { contentOf } from "./content.ts";
import { markOf, partsOf } from "./parts.ts";

const mark = markOf(aStoredTurn(), 9_999, "reply", 9_999);
const original = EventId.parse(`$${"x".repeat(254)}`);
const editOf = (markdown: string) =>
  contentOf({ say: "edit", original, part: { type: "text", markdown }, mark, mentions: [] }, async () => undefined);
const bytes = (content: unknown) => new TextEncoder().encode(JSON.stringify(content)).length;

describe("a part of a long text", () => {
  test("whose HTML is much longer than itself is sent without it", async () => {
    const link = `[a]: https://x.test/${"x".repeat(400)}\n\n`;
    expect((await editOf(`${link}${"[a] ".repeat(20)}`))["formatted_body"]).toBeDefined();
    const edit = await editOf(`${link}${"[a] ".repeat(75)}`);
    expect(edit["formatted_body"]).toBeUndefined();
    expect(bytes(edit)).toBeLessThan(BOUNDS.eventContent.max);
  });
  test.for(globSync(["*.md", "worker/*.md"]))("of ordinary Markdown is sent with its HTML: %s", async (file) => {
    const text = readFileSync(file, "utf8").slice(0, 60_000);
    for (const part of partsOf(text)) {
      const edit = await editOf(part);
      expect(bytes(edit)).toBeLessThanOrEqual(BOUNDS.eventContent.max);
      expect(edit["formatted_body"]).toBeDefined();
    }
  });
  test.for(Object.entries(PATHOLOGICAL))("fits into an event, whatever it is: %s", async ([, piece]) => {
    const parts = [...partsOf(repeated(piece, 60_000))];
    expect(parts.length).toBeLessThan(80);
    const [longest = ""] = parts.toSorted((a, b) => b.length - a.length);
    expect(bytes(await editOf(longest))).toBeLessThanOrEqual(BOUNDS.eventContent.max);
  });
  test.for(['"', "\\", "\n", "\ud83d", "\u0001", "'", "&", "<", "http://a.test/b ", "@a:b.test "])(
    "of nothing but %j fits into an event",
    async (piece) => {
      const [part = ""] = partsOf(repeated(piece, 60_000));
      expect(bytes(await editOf(part))).toBeLessThanOrEqual(BOUNDS.eventContent.max);
    },
  );
  test.for(["some words ", "é", "漢字", "🎉", "http://a.test/b "])(
    "of nothing but %j uses most of an event",
    async (piece) => {
      const [part = ""] = partsOf(repeated(piece, 60_000));
      expect(4 * new TextEncoder().encode(part).length).toBeGreaterThan(BOUNDS.eventContent.max / 2);
    },
  );
});
