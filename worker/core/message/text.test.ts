import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import { repliesTo } from "#testing/gate-facts.ts";
import { withoutCode } from "./code.ts";
import { readMessage } from "./message.ts";
import { promptText, repeatedBy } from "./text.ts";

describe("the text of a message", () => {
  test.for<[name: string, body: string, content: Record<string, unknown>, text: string]>([
    ["is the body", "  hello ", {}, "hello"],
    ["is without an old client's reply fallback", "> <@a:hs.test> one\n> two\n\nthree", repliesTo(), "three"],
    ["is without the fallback of a reply to an emote", "> * <@a:hs.test> waves\n\nthree", repliesTo(), "three"],
    ["is without a fallback of one line and no blank", "> <@a:hs.test> one\nthree", repliesTo(), "three"],
    ["keeps a quotation behind the fallback", "> <@a:hs.test> one\n\n> two\nthree", repliesTo(), "> two\nthree"],
    ["keeps a quotation that is no fallback", "> quoted\nsaid", repliesTo(), "> quoted\nsaid"],
    ["keeps a fallback that replies to nothing", "> <@a:hs.test> one\n\ntwo", {}, "> <@a:hs.test> one\n\ntwo"],
    ["is a file's caption", "look", { msgtype: "m.image", filename: "a.png" }, "look"],
    ["is no file's name", "a.png", { msgtype: "m.image", filename: "a.png" }, ""],
    ["is an unknown kind's body", "x", { msgtype: "org.new" }, "x"],
  ])("%s", ([, body, content, text]) => expect(promptText(aMessage(body, { content }).content)).toBe(text));

  test("is the new content of an edit", () => {
    const fresh = { msgtype: "m.text", body: "new" };
    const edit = { "m.relates_to": { rel_type: "m.replace", event_id: "$a" } };
    expect(readMessage(aMessage("* new", { content: { ...edit, "m.new_content": fresh } })).content).toEqual(fresh);
    expect(readMessage(aMessage("* new", { content: { ...edit, "m.new_content": fresh } })).text).toBe("new");
    expect(readMessage(aMessage("* new", { content: { ...edit, "m.new_content": "x" } })).text).toBe("* new");
    expect(readMessage(aMessage("old", { content: { "m.new_content": fresh } })).text).toBe("old");
  });
});

test("a text that a bridge repeats is also compared as it was sent, with and without the name before it", () => {
  const reply = "Zoe\u0308 said\u200b so";
  expect(repeatedBy(readMessage(aMessage(reply)))).toContain(reply);
  expect(repeatedBy(readMessage(aMessage(`<Echo> ${reply}`)))).toContain(reply);
  const profile = { "com.beeper.per_message_profile": { displayname: "Echo", has_fallback: true } };
  expect(repeatedBy(readMessage(aMessage("Echo: said so", { content: profile })))).toContain("said so");
});

describe("a text without code", () => {
  test.for<[name: string, text: string, rest: string]>([
    ["loses a span", "a `b` c", "a   c"],
    ["loses two spans", "`a` b `c`", "  b  "],
    ["loses a span of two ticks with one in it", "a `` b ` c `` d", "a   d"],
    ["keeps ticks that do not match", "a ` b `` c", "a ` b `` c"],
    ["loses a fence", "a\n```\nb\n```\nc", "a\nc"],
    ["loses a fence with a language", "a\n```ts\nb\n```\nc", "a\nc"],
    ["loses a fence of tildes", "a\n~~~\nb\n~~~\nc", "a\nc"],
    ["loses a fence that a shorter one does not end", "a\n````\nb\n```\nc\n````\nd", "a\nd"],
    ["loses a fence that a longer one ends", "a\n```\nb\n`````\nc", "a\nc"],
    ["loses a fence that does not end", "a\n```\nb", "a"],
    ["loses a fence three spaces in", "a\n   ```\nb\n   ```\nc", "a\nc"],
    ["keeps other text", "a b c", "a b c"],
  ])("%s", ([, text, rest]) => expect(withoutCode(text)).toBe(rest));

  test("is found fast, whatever ticks there are", () => {
    const odd = Array.from({ length: 120 }, (_, count) => "`".repeat(count + 1)).join(" ");
    expect(withoutCode(odd)).toBe(odd);
    expect(withoutCode(`x ${"`".repeat(8_000)}`)).toBe(`x ${"`".repeat(8_000)}`);
    expect(withoutCode("` ".repeat(4_000)).trim()).toBe("");
  });
});
