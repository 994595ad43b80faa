/** Commands: what is one, whom it concerns, who may say it. In the room are Alice, Bob, Echo and Guide. */
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

describe("what is a command", () => {
  test.for<[name: string, body: string, expected: string]>([
    ["a word behind !", "!new", NEW],
    ["a word behind /", "/new", NEW],
    ["in upper case", "!NEW", NEW],
    ["in both", "!New", NEW],
    ["an alias", "!reset", NEW],
    ["another alias", "!clear", NEW],
    ["an alias in upper case", "/RESET", NEW],
    ["with something behind", "!new please", NEW],
    ["with spaces around", "  !new  ", NEW],
    ["with a tab behind", "!new\tplease", NEW],
    ["with a carriage return behind", "!new\r\n", NEW],
    ["behind a name (OpenClaw: @bot /new)", "Echo: !new", NEW],
    ["behind a name and a space", "Echo !new", NEW],
    ["behind @ and a name", "@Echo !new", NEW],
    ["behind a user id", "@agent_echo:hs.test !new", NEW],
    ["behind a user id and a colon", "@agent_echo:hs.test: /new", NEW],
    ["a word nobody knows (Hermes #28025)", "!important news", CHAT],
    ["a longer word", "!news", CHAT],
    ["a shorter word", "!ne", CHAT],
    ["a word of an object's own", "!constructor", CHAT],
    ["a word with a full stop", "!new.", CHAT],
    ["a word with an exclamation mark", "!new!", CHAT],
    ["two signs", "!!new", CHAT],
    ["both signs", "!/new", CHAT],
    ["a sign alone", "!", CHAT],
    ["a space between", "! new", CHAT],
    ["a word alone", "new", CHAT],
    ["behind another word", "please !new", CHAT],
    ["on the second line", "hello\n!new", CHAT],
    ["in backticks", "`!new`", CHAT],
    ["in a quotation", "> !new", CHAT],
    ["a path", "/new/file", CHAT],
  ])("%s", ([, body, expected]) => expect(said(body, alone())).toBe(expected));

  test.for<[name: string, prefix: string, body: string, expected: string]>([
    ["its own sign", "%", "%new", NEW],
    ["its own sign, a slash still", "%", "/new", NEW],
    ["its own sign, no longer !", "%", "!new", CHAT],
    ["several signs", "!!", "!!new", NEW],
    ["several signs, one", "!!", "!new", CHAT],
    ["a word for a sign", "!ai:", "!ai:new", NEW],
    ["a sign that means something in patterns", ".*", ".*new", NEW],
    ["a sign that means something in patterns, taken for one", ".*", "xxnew", CHAT],
    ["a slash", "/", "/new", NEW],
  ])("%s as the prefix", ([, prefix, body, expected]) => expect(said(body, alone({ prefix }))).toBe(expected));

  test("by a prefix of any agent here", () => {
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
  ])("structured: %s", ([, content, name, args]) => {
    const verdict = verdictOn(aMessage("/something shown", { content }), alone({ admins: ["local"] }));
    expect(verdict).toMatchObject({ kind: "command", command: { name, args, rest: "" } });
  });
  test.for<[name: string, content: Record<string, unknown>]>([
    ["a word nobody knows", { "m.bot.command": { command: "dance" } }],
    ["no word", { "m.bot.command": { command: 5 } }],
    ["a word alone", { "m.bot.command": "new" }],
  ])("structured: %s is chat", ([, content]) => expect(said("hello", alone(), content)).toBe(CHAT));

  test("with what stands behind the word, and what stands below the line", () => {
    expect(verdictOn(aMessage("!model  gpt 5 \n\nand now\n this "), alone({ admins: ["local"] }))).toMatchObject({
      command: { name: "model", args: "gpt 5", rest: "and now\n this" },
    });
  });
});

describe("text below the line", () => {
  const EVERYBODY: Layer = { admins: ["local"] };
  test.for<[name: string, body: string, seen: Facts, content: Record<string, unknown>, expected: string]>([
    ["is asked after it", "!new\nhello", alone(EVERYBODY), mentions(ECHO_ID), `${NEW}; then wake echo by mention`],
    ["is asked in a direct chat", "!new\nhello", inDirectChat(), {}, `${NEW}; then wake echo by direct`],
    [
      "is asked of whom the command was for",
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
    ["is not there where it is blank", "!new\n \n", alone(), {}, NEW],
    ["is not asked in a muted room", "!new\nhello", alone({}, { room: { muted: true } }), {}, NEW],
    ["asks nobody below what is said to all", "!help\nhello", facts(), {}, "command help for echo, guide, says echo"],
    ["asks nobody below a stop for all", "!stop\nhello", facts(), {}, "command stop for echo, guide, says echo"],
    ["is not asked where it is too old", "!new\nhello", alone({}, { ageMs: 3_600_000 }), {}, TOO_LATE],
    [
      "is not asked where the command is refused",
      "!mute\nhello",
      alone(),
      mentions(ECHO_ID),
      "ignore command_not_permitted, about echo",
    ],
  ])("%s", ([, body, seen, content, expected]) => expect(said(body, seen, content)).toBe(expected));

  test("is what is asked, and nothing of the line", () => {
    const verdict = verdictOn(aMessage("Echo: !new for now\nhello\nthere"), facts());
    expect(verdict.kind === "command" && verdict.then?.woken).toMatchObject([
      { concerned: { agent: { id: "echo" } }, text: "hello\nthere" },
    ]);
  });
});

describe("whom a command concerns", () => {
  const NOBODY_NAMED = "command new for no agent, says echo";
  const FOR_GUIDE = "command new for guide, says guide";
  const BOT_HERE: FactsOver = { room: { botUserId: BOT_ID } };
  test.for<[name: string, body: string, content: Record<string, unknown>, seen: Facts, expected: string]>([
    ["the one that is there", "!new", {}, alone(), NEW],
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
    ["none of several, for none was named", "!new", {}, facts(), NOBODY_NAMED],
    [
      "none of several, though one listens",
      "!new",
      {},
      facts({ present: [concerned("echo", { mention: false }), concerned("guide")] }),
      NOBODY_NAMED,
    ],
    ["none of several, for a person was named", "!new", mentions("@bob:hs.test"), facts(), NOBODY_NAMED],
    ["all, to be stopped", "!stop", {}, facts(), "command stop for echo, guide, says echo"],
    ["one, to be stopped", "!stop", mentions(GUIDE_ID), facts(), "command stop for guide, says guide"],
    ["all, for it is about the room", "!help", {}, facts(), "command help for echo, guide, says echo"],
    ["all, and the bot says it", "!help", {}, facts(BOT_HERE), "command help for echo, guide, says the bot"],
    [
      "all, and the bot says it, called by its name",
      "Troupe: !help",
      {},
      facts(BOT_HERE),
      "command help for echo, guide, says the bot",
    ],
    [
      "all, and the bot says it, mentioned",
      "!help",
      mentions(BOT_ID),
      facts(BOT_HERE),
      "command help for echo, guide, says the bot",
    ],
    ["one, and it says so itself", "!help", mentions(GUIDE_ID), facts(BOT_HERE), "command help for guide, says guide"],
    ["the one that is there, and it says so itself", "!new", {}, alone({}, BOT_HERE), NEW],
    ["the one in a direct chat", "!new", {}, inDirectChat(), NEW],
    [
      "those that permit it",
      "!stop",
      {},
      facts({ present: [concerned("echo", { users: [] }), concerned("guide")] }),
      "command stop for guide, says guide",
    ],
  ])("%s", ([, body, content, seen, expected]) => expect(said(body, seen, content)).toBe(expected));

  test("the longer of two names that begin alike", () => {
    const present = [concerned("echo", {}, { name: "Echo" }), concerned("guide", {}, { name: "Echo Two" })];
    expect(said("Echo Two: !new", facts({ present }))).toBe(FOR_GUIDE);
    expect(said("Echo: !new", facts({ present }))).toBe(NEW);
  });
});
