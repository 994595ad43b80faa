/** Texts as people read them, in whichever characters clients write them. */
import { describe, expect, test } from "vitest";
import { behind, folded, plain, readable } from "./readable.ts";

describe("a text that is read", () => {
  test.for<[name: string, text: string, expected: string]>([
    ["is composed", "Zoe\u0308", "Zo\u00eb"],
    ["loses a space of no width", "he\u200bllo", "hello"],
    ["loses a byte order mark", "\ufeffhello", "hello"],
    ["loses marks of direction", "\u202ahel\u200flo\u202c \u2067you\u2069", "hello you"],
    ["loses soft hyphens and word joiners", "he\u00adl\u2060lo", "hello"],
    ["loses joiners between Latin letters", "he\u200dl\u200clo", "hello"],
    ["loses selectors behind letters", "he\ufe0fl\ufe0e\u200dlo", "hello"],
    ["loses tags that name no flag", "hello\u{e0041}\u{e0042}", "hello"],
    ["keeps a family of emoji", "👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"],
    ["keeps an emoji with a selector and a joiner", "❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"],
    ["keeps an emoji with a colour of skin", "👩🏽\u200d💻", "👩🏽\u200d💻"],
    ["keeps a key", "1\ufe0f\u20e3", "1\ufe0f\u20e3"],
    ["keeps the flag of Scotland", "🏴\u{e0067}\u{e0062}\u{e007f}", "🏴\u{e0067}\u{e0062}\u{e007f}"],
    ["keeps joiners of Persian", "می\u200cخواهم", "می\u200cخواهم"],
    ["keeps joiners of Hindi", "क्\u200dष", "क्\u200dष"],
    ["keeps variants of Chinese characters", "葛\u{e0100}", "葛\u{e0100}"],
    ["keeps punctuation of full width", "你好！１", "你好！１"],
    ["keeps half a surrogate pair", "a\ud83d", "a\ud83d"],
  ])("%s", ([, text, expected]) => expect(readable(text)).toBe(expected));

  test("has no more marks on a letter than any script has", () => {
    const marks = Array.from({ length: 20_000 }, (_, at) => (at % 2 ? "\u0323" : "\u0301")).join("");
    expect(readable(`a${marks}`).length).toBeLessThan(35);
  });
});

describe("two texts that look alike are folded to the same", () => {
  test.for<[name: string, one: string, other: string]>([
    ["case", "Helper", "hELPER"],
    ["width", "Ｈｅｌｐｅｒ！", "helper!"],
    ["composition", "Zoe\u0308", "Zoë"],
    ["composition of full width", "Ｚｏｅ\u0308", "zoë"],
    ["half width", "ｶﾞｲﾄﾞ", "ガイド"],
    ["parts of Korean syllables", "\u1112\u1161\u11ab", "한"],
    ["selectors", "🤖\ufe0f Helper", "🤖 helper"],
    ["what is invisible", "He\u200dl\u200bp\u2060er\u200e", "helper"],
    ["the Greek sigma at the end", "ΟΔΗΓΟΣ", "οδηγος"],
    ["an apostrophe of a phone", "O’Helper", "o'helper"],
    ["a hyphen that does not break", "R2\u2011D2", "r2-d2"],
    ["a space that does not break", "The\u00a0Helper", "the helper"],
    ["fonts", "𝓗elper", "helper"],
  ])("%s", ([, one, other]) => {
    expect(folded(one)).toBe(folded(other));
    expect(behind(`${one}: hello`, other)).toBe(": hello");
    expect(behind(`${other}: hello`, one)).toBe(": hello");
  });

  test("and names that differ are not", () => {
    expect(folded("Helper")).not.toBe(folded("Helpér"));
    expect(behind("Helpér: hello", "Helper")).toBeUndefined();
    expect(behind("Zoe\u0308: hello", "Zoe")).toBeUndefined();
  });
});

test("a plain text keeps its case", () => expect(plain("ＡＢＣ\u200b-4o")).toBe("ABC-4o"));
test("nothing stands behind a form of which nothing is seen", () => expect(behind("hello", "\u200b")).toBeUndefined());
