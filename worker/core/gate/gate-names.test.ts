/** Agents called by their name or by a pattern of the operator, and the prompt without that call. */
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
const NONE = "ignore not_addressed";

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
    ["with letters that are special in patterns", "E.ho (v2)*", "E.ho (v2)*: hello", ECHO],
    ["is no pattern", "E.ho", "Echo: hello", NONE],
    ["with a comma in it", "Echo, PhD", "Echo, PhD: hello", ECHO],
    ["without its comma's end", "Echo, PhD", "Echo: hello", NONE],
    ["and a space", "Echo", "Echo hello", NONE],
    ["and a full stop", "Echo", "Echo. hello", NONE],
    ["and a semicolon", "Echo", "Echo; hello", NONE],
    ["and a hyphen", "Echo", "Echo - hello", NONE],
    ["and a colon of another script", "Echo", "Echo： hello", ECHO],
    ["alone", "Echo", "Echo", NONE],
    ["behind another word", "Echo", "Hey Echo: hello", NONE],
    ["on the second line", "Echo", "hello\nEcho: hello", NONE],
    ["behind a quotation", "Echo", "> Echo: hello\nno", NONE],
    ["that is only the beginning of the word", "Echo", "Echoes: hello", NONE],
    ["that is only the beginning of the words", "Echo", "Echo Two: hello", NONE],
    ["that is only the end of the word", "Echo", "McEcho: hello", NONE],
    ["in the sentence (OpenClaw #45696, ZeroClaw: substring)", "Echo", "I like Echo, it answers", NONE],
    ["in code", "Echo", "`Echo:` hello", NONE],
    ["in a fence", "Echo", "```\nEcho: hello\n```", NONE],
    ["its localpart, which is no name", "Echo", "agent_echo: hello", NONE],
    ["its id, which is no name", "The Parrot", "echo: hello", NONE],
    ["that is empty", "", ": hello", NONE],
  ])("%s", ([, name, body, expected]) => {
    expect(inWords(verdictOn(aMessage(body), alone({}, {}, { name })))).toBe(expected);
  });

  test.for<[name: string, body: string, expected: string]>([
    ["the shorter", "Echo: hello", "wake echo by mention"],
    ["the longer", "Echo Two: hello", "wake guide by mention"],
    ["the longer with a comma", "echo two, hello", "wake guide by mention"],
    ["the longer without its end", "Echo T: hello", "ignore not_addressed"],
  ])("that is the beginning of another name: %s", ([, body, expected]) => {
    const present = [concerned("echo", {}, { name: "Echo" }), concerned("guide", {}, { name: "Echo Two" })];
    expect(inWords(verdictOn(aMessage(body), facts({ present })))).toBe(expected);
  });

  test("that two agents have wakes both", () => {
    const present = [concerned("echo", {}, { name: "Helper" }), concerned("guide", {}, { name: "helper" })];
    const verdict = verdictOn(aMessage("Helper: hello"), facts({ present }));
    expect(inWords(verdict)).toBe("wake echo by mention, guide by mention");
  });
});

/** A text for which these patterns take a backtracking engine practically for ever. */
const HARD = `${"a".repeat(7_000)}!`;

describe("a custom pattern", () => {
  test.for<[name: string, patterns: string[], body: string, content: Record<string, unknown>, expected: string]>([
    ["anywhere", ["parrot"], "ask the parrot", {}, ECHO],
    ["in another case", ["parrot"], "ask the PARROT", {}, ECHO],
    ["with word boundaries", ["\\becho\\b"], "the echo is down", {}, ECHO],
    ["with word boundaries, within a word", ["\\becho\\b"], "echoes", {}, NONE],
    ["anchored", ["^hey"], "hey you", {}, ECHO],
    ["anchored, elsewhere", ["^hey"], "oh hey you", {}, NONE],
    ["the second of two", ["zebra", "parrot"], "ask the parrot", {}, ECHO],
    ["none of two", ["zebra", "parrot"], "ask the owl", {}, NONE],
    ["where m.mentions is empty", ["parrot"], "ask the parrot", { "m.mentions": {} }, ECHO],
    ["where m.mentions names another", ["parrot"], "ask the parrot", mentions("@bob:hs.test"), ECHO],
    ["in backticks", ["parrot"], "ask the `parrot`", {}, NONE],
    ["in a fence", ["parrot"], "```\nparrot\n```", {}, NONE],
    ["behind 8,000 letters", ["parrot"], `${"x ".repeat(4_000)}parrot`, {}, NONE],
    ["that is slow with backtracking: (a+)+$", ["(a+)+$"], HARD, {}, NONE],
    ["that is slow with backtracking: (a|aa)+$", ["(a|aa)+$"], HARD, {}, NONE],
    ["that is slow with backtracking: (.*a){20}x", ["(.*a){20}x"], HARD, {}, NONE],
    ["that is slow with backtracking, and matches", ["^(a+)+!$"], HARD, {}, ECHO],
    ["of letters of another script", ["助手"], "请问助手", {}, ECHO],
    ["of an emoji", ["🦜"], "well 🦜?", {}, ECHO],
  ])("%s", ([, patterns, body, content, expected]) => {
    expect(inWords(verdictOn(aMessage(body, { content }), alone({ patterns })))).toBe(expected);
  });

  test("wakes only the agents that have it", () => {
    const present = [concerned("echo", { patterns: ["parrot"] }), concerned("guide", { patterns: ["owl"] })];
    expect(inWords(verdictOn(aMessage("the owl"), facts({ present })))).toBe("wake guide by mention");
    expect(inWords(verdictOn(aMessage("the owl and the parrot"), facts({ present })))).toBe(
      "wake echo by mention, guide by mention",
    );
  });

  test("does not count in a caption's file name", () => {
    const content = { msgtype: "m.image", filename: "parrot.png" };
    expect(inWords(verdictOn(aMessage("what is this?", { content }), alone({ patterns: ["parrot"] })))).toBe(NONE);
  });
});

const asked = (verdict: Verdict): unknown =>
  verdict.kind === "wake"
    ? Object.fromEntries(verdict.woken.map(({ concerned: { agent }, text }) => [agent.id, text]))
    : verdict;

describe("the prompt of an agent", () => {
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
    ["keeps its name inside the text", "hello Echo, well?", "hello Echo, well?"],
    ["keeps a word that begins like its name", "Echoes are loud", "Echoes are loud"],
    ["keeps a possessive", "Echo's view", "Echo's view"],
    ["keeps a name that is the whole text", "Echo", "Echo"],
    ["keeps another's name", "Guide: hello", "Guide: hello"],
    ["keeps a longer id", "@agent_echo:hs.test.evil.test hello", "@agent_echo:hs.test.evil.test hello"],
    ["keeps lines", "Echo: one\ntwo", "one\ntwo"],
    ["is trimmed", "  hello \n", "hello"],
  ])("%s", ([, body, text]) => {
    expect(asked(verdictOn(aMessage(body, { content: mentions(ECHO_ID) }), inDirectChat()))).toEqual({ echo: text });
  });

  test("is for each agent without its own name", () => {
    const verdict = verdictOn(aMessage("Guide: hello", { content: mentions(ECHO_ID, GUIDE_ID) }), both({}));
    expect(asked(verdict)).toEqual({ echo: "Guide: hello", guide: "hello" });
  });

  test("is without the fallback of an old reply", () => {
    const content = { "m.relates_to": { "m.in_reply_to": { event_id: "$x" } } };
    const event = aMessage("> <@agent_echo:hs.test> one\n> two\n\nwhy?", { content });
    expect(asked(verdictOn(event, inDirectChat()))).toEqual({ echo: "why?" });
  });
});
