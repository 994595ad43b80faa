/** Which messages are commands, and which agents they are for. In the room are Alice, Bob, Echo and Guide. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import {
  alone,
  BOT_ID,
  concerned,
  ECHO,
  ECHO_ID,
  type FactsOver,
  facts,
  GUIDE_ID,
  inDirectChat,
  inThread,
  inWords,
  mentions,
  NOW_MS,
  pill,
  repliesTo,
  verdictOn,
} from "#testing/gate-facts.ts";
import type { Layer } from "../configuration/settings.ts";
import { UserId } from "../protocol/ids.ts";
import type { Facts } from "./facts.ts";

const CHAT = "ignore not_addressed";
const said = (body: string, seen: Facts, content: Record<string, unknown> = {}, sender = "@alice:hs.test"): string =>
  inWords(verdictOn(aMessage(body, { sender, content }), seen));

const TOO_LATE = "ignore command_too_old";
const NEW = "command new for echo, says echo";

describe("a command is", () => {
  test.for<[name: string, body: string, expected: string]>([
    ["a word behind !", "!new", NEW],
    ["a word behind /", "/new", NEW],
    ["a word in upper case", "!NEW", NEW],
    ["a word in both cases", "!New", NEW],
    ["an alias", "!reset", NEW],
    ["another alias", "!clear", NEW],
    ["an alias in upper case", "/RESET", NEW],
    ["a word with text behind", "!new please", NEW],
    ["a word with spaces around", "  !new  ", NEW],
    ["a word with a tab behind", "!new\tplease", NEW],
    ["a word with a carriage return behind", "!new\r\n", NEW],
    ["a word behind a name (OpenClaw: @bot /new)", "Echo: !new", NEW],
    ["a word behind a name and a space", "Echo !new", NEW],
    ["a word behind @ and a name", "@Echo !new", NEW],
    ["a word behind a user id", "@agent_echo:hs.test !new", NEW],
    ["a word behind a user id and a colon", "@agent_echo:hs.test: /new", NEW],
    ["not an unknown word (Hermes #28025)", "!important news", CHAT],
    ["not a longer word", "!news", CHAT],
    ["not a shorter word", "!ne", CHAT],
    ["not a word that is a property of objects", "!constructor", CHAT],
    ["not a word with a full stop", "!new.", CHAT],
    ["not a word with an exclamation mark", "!new!", CHAT],
    ["not a word behind two signs", "!!new", CHAT],
    ["not a word behind both signs", "!/new", CHAT],
    ["not a sign alone", "!", CHAT],
    ["not a word behind a space", "! new", CHAT],
    ["not a word without a sign", "new", CHAT],
    ["not a word behind another word", "please !new", CHAT],
    ["not a word on the second line", "hello\n!new", CHAT],
    ["not a word in backticks", "`!new`", CHAT],
    ["not a word in a quotation", "> !new", CHAT],
    ["not a path", "/new/file", CHAT],
  ])("%s", ([, body, expected]) => expect(said(body, alone())).toBe(expected));

  test.for<[name: string, prefix: string, body: string, expected: string]>([
    ["its own sign", "%", "%new", NEW],
    ["its own sign, a slash still", "%", "/new", NEW],
    ["its own sign, no longer !", "%", "!new", CHAT],
    ["several signs", "!!", "!!new", NEW],
    ["several signs, one", "!!", "!new", CHAT],
    ["a word for a sign", "!ai:", "!ai:new", NEW],
    ["a sign that is special in patterns", ".*", ".*new", NEW],
    ["a sign that is special in patterns, as a pattern", ".*", "xxnew", CHAT],
    ["a slash", "/", "/new", NEW],
  ])("a word behind the prefix: %s", ([, prefix, body, expected]) =>
    expect(said(body, alone({ prefix }))).toBe(expected),
  );

  test("a word behind the prefix of any agent of the room", () => {
    const present = [concerned("echo", { prefix: "%" }), concerned("guide", { prefix: "~" })];
    const seen = facts({ present });
    expect([said("%stop", seen), said("~stop", seen), said("!stop", seen)]).toEqual([
      ...["command stop for echo, guide, says echo", "command stop for echo, guide, says echo", CHAT],
    ]);
  });

  test.for<[name: string, command: Record<string, unknown>, expected: string, args: string]>([
    ["MSC4391", { "org.matrix.msc4391.command": { command: "model", arguments: { name: " big " } } }, "model", "big"],
    ["the stable name", { "m.bot.command": { command: "model", arguments: { name: "big" } } }, "model", "big"],
    ["without arguments", { "m.bot.command": { command: "model" } }, "model", ""],
    ["an argument that is no text", { "m.bot.command": { command: "model", arguments: { name: 5 } } }, "model", ""],
    ["arguments that are none", { "m.bot.command": { command: "model", arguments: "big" } }, "model", ""],
    ["in upper case", { "m.bot.command": { command: "MODEL" } }, "model", ""],
    ["an alias", { "m.bot.command": { command: "clear" } }, "new", ""],
  ])("a structured command: %s", ([, content, name, args]) => {
    const verdict = verdictOn(aMessage("/something shown", { content }), alone({ admins: ["local"] }));
    expect(verdict).toMatchObject({ kind: "command", command: { name, args, rest: "" } });
  });
  test.for<[name: string, content: Record<string, unknown>]>([
    ["an unknown word", { "m.bot.command": { command: "dance" } }],
    ["no word", { "m.bot.command": { command: 5 } }],
    ["a word alone", { "m.bot.command": "new" }],
  ])("not a structured command with %s", ([, content]) => expect(said("hello", alone(), content)).toBe(CHAT));

  test("split into the word, the text behind it and the text below the line", () => {
    expect(verdictOn(aMessage("!model  gpt 5 \n\nand now\n this "), alone({ admins: ["local"] }))).toMatchObject({
      command: { name: "model", args: "gpt 5", rest: "and now\n this" },
    });
  });
});

describe("the text below a command's line", () => {
  const ALL_ADMINS: Layer = { admins: ["local"] };
  test.for<[name: string, body: string, seen: Facts, content: Record<string, unknown>, expected: string]>([
    ["is asked after it", "!new\nhello", alone(ALL_ADMINS), mentions(ECHO_ID), `${NEW}; then wake echo by mention`],
    ["is asked in a direct chat", "!new\nhello", inDirectChat(), {}, `${NEW}; then wake echo by direct`],
    [
      "is asked of the agent that the command was for",
      "!new\nhello",
      facts(),
      mentions(GUIDE_ID),
      "command new for guide, says guide; then wake guide by mention",
    ],
    [
      "is asked where lines end as on Windows",
      "!new now\r\nhello",
      alone(),
      mentions(ECHO_ID),
      `${NEW}; then wake echo by mention`,
    ],
    ["is ignored where it is blank", "!new\n \n", alone(), {}, NEW],
    ["is not asked in a muted room", "!new\nhello", alone({}, { room: { muted: true } }), {}, NEW],
    [
      "is not asked below a command to all agents",
      "!help\nhello",
      facts(),
      {},
      "command help for echo, guide, says echo",
    ],
    [
      "is not asked below a stop for all agents",
      "!stop\nhello",
      facts(),
      {},
      "command stop for echo, guide, says echo",
    ],
    ["is not asked where it is too old", "!new\nhello", alone({}, { ageMs: 3_600_000 }), {}, TOO_LATE],
    [
      "is not asked where the command is refused",
      "!mute\nhello",
      alone(),
      mentions(ECHO_ID),
      "ignore command_not_permitted, about echo",
    ],
  ])("%s", ([, body, seen, content, expected]) => expect(said(body, seen, content)).toBe(expected));

  test("is the prompt, without the line", () => {
    const verdict = verdictOn(aMessage("Echo: !new for now\nhello\nthere"), facts());
    expect(verdict.kind === "command" && verdict.then?.woken).toMatchObject([
      { concerned: { agent: { id: "echo" } }, text: "hello\nthere" },
    ]);
  });
});

describe("a command is for", () => {
  const NONE_NAMED = "command new for no agent, says echo";
  const FOR_GUIDE = "command new for guide, says guide";
  const BOT_HERE: FactsOver = { room: { botUserId: BOT_ID } };
  test.for<[name: string, body: string, content: Record<string, unknown>, seen: Facts, expected: string]>([
    ["the only agent of the room", "!new", {}, alone(), NEW],
    ["one of several by mention", "!new", mentions(GUIDE_ID), facts(), FOR_GUIDE],
    ["one of several by pill", "!new", pill(GUIDE_ID), facts(), FOR_GUIDE],
    ["one of several by name", "Guide: !new", {}, facts(), FOR_GUIDE],
    ["one of several by id", "@agent_guide:hs.test !new", {}, facts(), FOR_GUIDE],
    ["one of several by reply", "!new", repliesTo(), facts({ repliedAgent: ECHO }), NEW],
    [
      "one of several by its thread",
      "!new",
      inThread(),
      facts({ thread: { agent: ECHO, holder: UserId.parse("@alice:hs.test"), shared: false, atMs: NOW_MS } }),
      NEW,
    ],
    ["both, mentioned", "!new", mentions(ECHO_ID, GUIDE_ID), facts(), "command new for echo, guide, says echo"],
    [
      "both, called one after the other",
      "Guide, Echo: !new",
      mentions(ECHO_ID, GUIDE_ID),
      facts(),
      "command new for echo, guide, says echo",
    ],
    [
      "both, called one after the other, the other way",
      "Echo, Guide: !new",
      mentions(ECHO_ID, GUIDE_ID),
      facts(),
      "command new for echo, guide, says echo",
    ],
    ["none of several when none is named", "!new", {}, facts(), NONE_NAMED],
    [
      "none of several, though one listens",
      "!new",
      {},
      facts({ present: [concerned("echo", { mention: false }), concerned("guide")] }),
      NONE_NAMED,
    ],
    ["none of several when a user is named", "!new", mentions("@bob:hs.test"), facts(), NONE_NAMED],
    ["all, to be stopped", "!stop", {}, facts(), "command stop for echo, guide, says echo"],
    ["one, to be stopped", "!stop", mentions(GUIDE_ID), facts(), "command stop for guide, says guide"],
    ["all, when it is about the room", "!help", {}, facts(), "command help for echo, guide, says echo"],
    ["all, and the bot answers", "!help", {}, facts(BOT_HERE), "command help for echo, guide, says the bot"],
    [
      "all, and the bot answers, called by its name",
      "Troupe: !help",
      {},
      facts(BOT_HERE),
      "command help for echo, guide, says the bot",
    ],
    [
      "all, and the bot answers, mentioned",
      "!help",
      mentions(BOT_ID),
      facts(BOT_HERE),
      "command help for echo, guide, says the bot",
    ],
    [
      "the one that is mentioned, which answers itself",
      "!help",
      mentions(GUIDE_ID),
      facts(BOT_HERE),
      "command help for guide, says guide",
    ],
    ["the only agent of the room, which answers itself", "!new", {}, alone({}, BOT_HERE), NEW],
    ["the one in a direct chat", "!new", {}, inDirectChat(), NEW],
    [
      "those that permit it",
      "!stop",
      {},
      facts({ present: [concerned("echo", { users: [] }), concerned("guide")] }),
      "command stop for guide, says guide",
    ],
  ])("%s", ([, body, content, seen, expected]) => expect(said(body, seen, content)).toBe(expected));

  test("the agent with the longer of two names that begin alike", () => {
    const present = [concerned("echo", {}, { name: "Echo" }), concerned("guide", {}, { name: "Echo Two" })];
    expect(said("Echo Two: !new", facts({ present }))).toBe(FOR_GUIDE);
    expect(said("Echo: !new", facts({ present }))).toBe(NEW);
  });
});
