import { describe, expect, test } from "vitest";
import { BOT, EventId } from "../protocol/ids.ts";
import { CONTENT_KEY, deliveryKey, isFinalEdit, keyOfOwn, type Mark, markIn, withMark } from "./mark.ts";

const MARK: Mark = { agent: "echo", turn: "t", part: 0, hop: 1, kind: "reply" };
const read = (given: unknown) => markIn({ content: { [CONTENT_KEY]: given } });

describe("a mark", () => {
  test.for<[name: string, given: unknown, mark: object | undefined]>([
    ["is read as it was written", MARK, MARK],
    ["may have keys of a later version", { ...MARK, colour: "red" }, MARK],
    ["keeps the number of parts", { ...MARK, parts: 3 }, { ...MARK, parts: 3 }],
    ["with an invalid number of parts is read without it", { ...MARK, parts: "3" }, MARK],
    ["without a hop has hop 0", { ...MARK, hop: undefined }, { ...MARK, hop: 0 }],
    ["without a kind is none", { ...MARK, kind: undefined }, undefined],
    ["of an unknown kind is none", { ...MARK, kind: "answer" }, undefined],
    ["that is a string is none", "reply", undefined],
  ])("%s", ([, given, mark]) => expect(read(given)).toEqual(mark));

  test.for<[name: string, mark: Mark]>([
    ["for an agent", MARK],
    ["for the bot", { ...MARK, agent: BOT, kind: "notice" }],
    ["with all fields", { ...MARK, parts: 2, thread: EventId.parse("$t") }],
  ])("is the same after a round trip through a content: %s", ([, mark]) => {
    const content = JSON.parse(JSON.stringify(withMark({ body: "x" }, mark)));
    expect(content.body).toBe("x");
    expect(markIn({ content })).toEqual(mark);
  });

  test("of the bot has an empty agent on the wire", () =>
    expect(withMark({}, { ...MARK, agent: BOT })).toMatchObject({ [CONTENT_KEY]: { agent: "" } }));
});

describe("a delivery key", () => {
  const keyOf = (mark: Mark, content: object = {}) => keyOfOwn(mark, { content: { ...content } });
  const edit = { "m.new_content": {} };
  test.for<[name: string, key: string | undefined, expected: string | undefined]>([
    ["a message has that of an original", keyOf({ ...MARK, part: 2 }), deliveryKey("t", 2, "original")],
    ["an edit that ends a draft has that of a final edit", keyOf(MARK, edit), deliveryKey("t", 0, "final")],
    ["a draft has that of a draft", keyOf({ ...MARK, kind: "draft" }), deliveryKey("t", 0, "draft")],
    ["an edit of a draft has none", keyOf({ ...MARK, kind: "draft" }, edit), undefined],
  ])("is read off an event of ours: %s", ([, key, expected]) => expect(key).toBe(expected));

  test("is what earlier versions stored and sent", () => {
    expect([deliveryKey("t", 1, "original"), deliveryKey("t", 0, "final")]).toEqual(["t.1.0", "t.0.final"]);
    expect(deliveryKey("t", 0, "edit2-7")).toBe("t.0.edit2-7");
  });
  test("says whether it is that of a final edit", () => {
    expect(isFinalEdit(deliveryKey("t", 0, "final"))).toBe(true);
    expect(isFinalEdit(deliveryKey("t.final", 0, "original"))).toBe(false);
  });
});
