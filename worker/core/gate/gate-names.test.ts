/** Agents called by their names, and by what an operator counts as one. And what is left of a text without the call. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import {
  alone,
  both,
  concerned,
  ECHO_ID,
  facts,
  GUIDE_ID,
  inDirectChat,
  inWords,
  mentions,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { Verdict } from "./facts.ts";

const ECHO = "wake echo by mention";
const NOBODY = "ignore not_addressed";

describe("a name at the start", () => {
  test.for<[name: string, its: string, body: string, expected: string]>([
    ["and a colon", "Echo", "Echo: hello", ECHO],
    ["and a comma", "Echo", "Echo, hello", ECHO],
    ["in lower case", "Echo", "echo: hello", ECHO],
    ["in upper case", "Echo", "ECHO: hello", ECHO],
    ["with an @ before", "Echo", "@Echo: hello", ECHO],
    ["with a space before", "Echo", "  Echo: hello", ECHO],
    ["with a space behind", "Echo", "Echo : hello", ECHO],
    ["with nothing behind the colon", "Echo", "Echo:", ECHO],
    ["with a line behind the colon", "Echo", "Echo:\nhello", ECHO],
    ["without a space behind the comma", "Echo", "Echo,hello", ECHO],
    ["of two words", "Echo the Second", "echo the second: hello", ECHO],
    ["with an emoji", "🦜 Echo", "🦜 Echo: hello", ECHO],
    ["that is an emoji", "🦜", "🦜: hello", ECHO],
    ["that is an emoji of several", "👩‍💻", "👩‍💻, hello", ECHO],
    ["with an umlaut", "Jürgen", "JÜRGEN: hello", ECHO],
    ["that grows in lower case", "İstanbul", "İstanbul: hello", ECHO],
    ["in another script", "助手", "助手: hello", ECHO],
    ["with an apostrophe", "O'Echo", "O'Echo, hello", ECHO],
    ["with letters that mean something in patterns", "E.ho (v2)*", "E.ho (v2)*: hello", ECHO],
    ["like a pattern of its letters", "E.ho", "Echo: hello", NOBODY],
    ["with a comma in it", "Echo, PhD", "Echo, PhD: hello", ECHO],
    ["without its comma's end", "Echo, PhD", "Echo: hello", NOBODY],
    ["and a space", "Echo", "Echo hello", NOBODY],
    ["and a full stop", "Echo", "Echo. hello", NOBODY],
    ["and a semicolon", "Echo", "Echo; hello", NOBODY],
    ["and a hyphen", "Echo", "Echo - hello", NOBODY],
    ["and a colon of another script", "Echo", "Echo： hello", NOBODY],
    ["alone", "Echo", "Echo", NOBODY],
    ["behind another word", "Echo", "Hey Echo: hello", NOBODY],
    ["on the second line", "Echo", "hello\nEcho: hello", NOBODY],
    ["behind a quotation", "Echo", "> Echo: hello\nno", NOBODY],
    ["that is only the beginning of the word", "Echo", "Echoes: hello", NOBODY],
    ["that is only the beginning of the words", "Echo", "Echo Two: hello", NOBODY],
    ["that is only the end of the word", "Echo", "McEcho: hello", NOBODY],
    ["in the sentence (OpenClaw #45696, ZeroClaw: substring)", "Echo", "I like Echo, it answers", NOBODY],
    ["in code", "Echo", "`Echo:` hello", NOBODY],
    ["in a fence", "Echo", "```\nEcho: hello\n```", NOBODY],
    ["its localpart, which is no name", "Echo", "agent_echo: hello", NOBODY],
    ["its id, which is no name", "The Parrot", "echo: hello", NOBODY],
    ["that is empty", "", ": hello", NOBODY],
  ])("%s", ([, name, body, expected]) => {
    expect(inWords(verdictOn(aMessage(body), alone({}, {}, { name })))).toBe(expected);
  });

  test.for<[name: string, body: string, expected: string]>([
    ["the shorter", "Echo: hello", "wake echo by mention"],
    ["the longer", "Echo Two: hello", "wake guide by mention"],
    ["the longer with a comma", "echo two, hello", "wake guide by mention"],
    ["the longer without its end", "Echo T: hello", "ignore not_addressed"],
  ])("of which one begins like the other: %s", ([, body, expected]) => {
    const present = [concerned("echo", {}, { name: "Echo" }), concerned("guide", {}, { name: "Echo Two" })];
    expect(inWords(verdictOn(aMessage(body), facts({ present })))).toBe(expected);
  });

  test("that two agents bear wakes both", () => {
    const present = [concerned("echo", {}, { name: "Helper" }), concerned("guide", {}, { name: "helper" })];
    const verdict = verdictOn(aMessage("Helper: hello"), facts({ present }));
    expect(inWords(verdict)).toBe("wake echo by mention, guide by mention");
  });
});

/** A pattern that takes a backtracking engine longer than anybody waits. */
const HARD = `${"a".repeat(7_000)}!`;

describe("a custom pattern", () => {
  test.for<[name: string, patterns: string[], body: string, content: Record<string, unknown>, expected: string]>([
    ["anywhere", ["parrot"], "ask the parrot", {}, ECHO],
    ["in another case", ["parrot"], "ask the PARROT", {}, ECHO],
    ["with word boundaries", ["\\becho\\b"], "the echo is down", {}, ECHO],
    ["with word boundaries, within a word", ["\\becho\\b"], "echoes", {}, NOBODY],
    ["anchored", ["^hey"], "hey you", {}, ECHO],
    ["anchored, elsewhere", ["^hey"], "oh hey you", {}, NOBODY],
    ["the second of two", ["zebra", "parrot"], "ask the parrot", {}, ECHO],
    ["none of two", ["zebra", "parrot"], "ask the owl", {}, NOBODY],
    ["where m.mentions is empty", ["parrot"], "ask the parrot", { "m.mentions": {} }, ECHO],
    ["where m.mentions names another", ["parrot"], "ask the parrot", mentions("@bob:hs.test"), ECHO],
    ["in backticks", ["parrot"], "ask the `parrot`", {}, NOBODY],
    ["in a fence", ["parrot"], "```\nparrot\n```", {}, NOBODY],
    ["behind 8,000 letters", ["parrot"], `${"x ".repeat(4_000)}parrot`, {}, NOBODY],
    ["that is catastrophic elsewhere: (a+)+$", ["(a+)+$"], HARD, {}, NOBODY],
    ["that is catastrophic elsewhere: (a|aa)+$", ["(a|aa)+$"], HARD, {}, NOBODY],
    ["that is catastrophic elsewhere: (.*a){20}x", ["(.*a){20}x"], HARD, {}, NOBODY],
    ["that is catastrophic elsewhere, and found", ["^(a+)+!$"], HARD, {}, ECHO],
    ["of letters of another script", ["助手"], "请问助手", {}, ECHO],
    ["of an emoji", ["🦜"], "well 🦜?", {}, ECHO],
  ])("%s", ([, patterns, body, content, expected]) => {
    expect(inWords(verdictOn(aMessage(body, { content }), alone({ patterns })))).toBe(expected);
  });

  test("is one agent's own: of others nobody wakes by it", () => {
    const present = [concerned("echo", { patterns: ["parrot"] }), concerned("guide", { patterns: ["owl"] })];
    expect(inWords(verdictOn(aMessage("the owl"), facts({ present })))).toBe("wake guide by mention");
    expect(inWords(verdictOn(aMessage("the owl and the parrot"), facts({ present })))).toBe(
      "wake echo by mention, guide by mention",
    );
  });

  test("does not count in a caption's file name", () => {
    const content = { msgtype: "m.image", filename: "parrot.png" };
    expect(inWords(verdictOn(aMessage("what is this?", { content }), alone({ patterns: ["parrot"] })))).toBe(NOBODY);
  });
});

const asked = (verdict: Verdict): unknown =>
  verdict.kind === "wake"
    ? Object.fromEntries(verdict.woken.map(({ concerned: { agent }, text }) => [agent.id, text]))
    : verdict;

describe("what an agent is asked", () => {
  test.for<[name: string, body: string, text: string]>([
    ["is without its name and the colon", "Echo: hello", "hello"],
    ["is without its name and the comma", "Echo, hello", "hello"],
    ["is without its name alone", "Echo hello", "hello"],
    ["is without @ and its name", "@Echo hello", "hello"],
    ["is without @[Name]", "@[Echo] hello", "hello"],
    ["is without [Name]", "[Echo] hello", "hello"],
    ["is without its user id", "@agent_echo:hs.test hello", "hello"],
    ["is without its user id and the colon", "@agent_echo:hs.test: hello", "hello"],
    ["is without its name in another case", "ECHO: hello", "hello"],
    ["keeps its name within", "hello Echo, well?", "hello Echo, well?"],
    ["keeps a word that begins like its name", "Echoes are loud", "Echoes are loud"],
    ["keeps a possessive", "Echo's view", "Echo's view"],
    ["keeps a name that is all there is", "Echo", "Echo"],
    ["keeps another's name", "Guide: hello", "Guide: hello"],
    ["keeps a longer id", "@agent_echo:hs.test.evil.test hello", "@agent_echo:hs.test.evil.test hello"],
    ["keeps lines", "Echo: one\ntwo", "one\ntwo"],
    ["is trimmed", "  hello \n", "hello"],
  ])("%s", ([, body, text]) => {
    expect(asked(verdictOn(aMessage(body, { content: mentions(ECHO_ID) }), inDirectChat()))).toEqual({ echo: text });
  });

  test("is for each without its own name", () => {
    const verdict = verdictOn(aMessage("Guide: hello", { content: mentions(ECHO_ID, GUIDE_ID) }), both({}));
    expect(asked(verdict)).toEqual({ echo: "Guide: hello", guide: "hello" });
  });

  test("is without the fallback of an old reply", () => {
    const content = { "m.relates_to": { "m.in_reply_to": { event_id: "$x" } } };
    const event = aMessage("> <@agent_echo:hs.test> one\n> two\n\nwhy?", { content });
    expect(asked(verdictOn(event, inDirectChat()))).toEqual({ echo: "why?" });
  });
});
