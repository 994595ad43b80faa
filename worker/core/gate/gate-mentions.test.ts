/** Which agents a message mentions: by `m.mentions`, by a pill, by a user id in the text. In the room are Alice, Bob, Echo and Guide. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import { both, ECHO_ID, facts, GUIDE_ID, html, inWords, mentions, pill, verdictOn } from "#testing/gate-facts.ts";

const ECHO = "wake echo by mention";
const GUIDE = "wake guide by mention";
const BOTH = "wake echo by mention, guide by mention";
const NONE = "ignore not_addressed";

type Row = [name: string, body: string, content: Record<string, unknown>, expected: string];
const judged = (body: string, content: Record<string, unknown>, seen = facts()): string =>
  inWords(verdictOn(aMessage(body, { content }), seen));

describe("m.mentions, where it is present", () => {
  test.for<Row>([
    ["names one", "hello", mentions(ECHO_ID), ECHO],
    ["names the other", "hello", mentions(GUIDE_ID), GUIDE],
    ["names both", "hello", mentions(ECHO_ID, GUIDE_ID), BOTH],
    ["names both the other way round: the room's order holds", "hello", mentions(GUIDE_ID, ECHO_ID), BOTH],
    ["names one twice", "hello", mentions(ECHO_ID, ECHO_ID), ECHO],
    ["names an agent and a person", "hello", mentions("@bob:hs.test", ECHO_ID), ECHO],
    ["names a person", "hello", mentions("@bob:hs.test"), NONE],
    ["names an agent of another server", "hello", mentions("@agent_echo:evil.test"), NONE],
    ["names a longer id", "hello", mentions("@agent_echo:hs.test.evil.test"), NONE],
    ["names a shorter id", "hello", mentions("@agent_ech:hs.test"), NONE],
    ["names the id in another case", "hello", mentions("@Agent_Echo:hs.test"), NONE],
    ["names the id with a port", "hello", mentions("@agent_echo:hs.test:8448"), NONE],
    ["names the id with a space", "hello", mentions("@agent_echo:hs.test "), NONE],
    ["names an agent that is not in the room", "hello", mentions("@agent_other:hs.test"), NONE],
    ["names a bare name", "hello", mentions("echo"), NONE],
    ["has an id among invalid entries", "hello", { "m.mentions": { user_ids: [7, null, {}, ECHO_ID] } }, ECHO],
    ["has a string in place of the list", "Echo: hello", { "m.mentions": { user_ids: ECHO_ID } }, NONE],
    ["is empty: the name at the start does not count", "Echo: hello", { "m.mentions": {} }, NONE],
    ["is empty: the user id does not count", `${ECHO_ID} hello`, { "m.mentions": {} }, NONE],
    ["is empty: a pill does not count", "Echo hello", { ...pill(ECHO_ID), "m.mentions": {} }, NONE],
    ["is an empty list: a pill does not count", "Echo hello", { ...pill(ECHO_ID), ...mentions() }, NONE],
    ["names Guide: Echo's pill does not count", "Echo: hello", { ...pill(ECHO_ID), ...mentions(GUIDE_ID) }, GUIDE],
    ["names Guide: Echo's id does not count", `${ECHO_ID} hello`, mentions(GUIDE_ID), GUIDE],
    ["names Bob: Echo's name does not count", "Echo: hello", mentions("@bob:hs.test"), NONE],
    ["names an agent whose name is not in the text (OpenClaw #64785)", "well?", mentions(ECHO_ID), ECHO],
  ])("%s: $3", ([, body, content, expected]) => expect(judged(body, content)).toBe(expected));

  test.for<Row>([
    ["a string", "Echo: hello", { "m.mentions": "all" }, ECHO],
    ["null", "Echo: hello", { "m.mentions": null }, ECHO],
    ["a list", "Echo: hello", { "m.mentions": [ECHO_ID] }, ECHO],
    ["a number", "hello", { "m.mentions": 1 }, NONE],
  ])("is treated as absent when it is %s", ([, body, content, expected]) =>
    expect(judged(body, content)).toBe(expected),
  );

  test("names at most fifty", () => {
    const crowd = Array.from({ length: 50 }, (_, at) => `@user${at}:hs.test`);
    expect(judged("hello", mentions(...crowd.slice(1), ECHO_ID))).toBe(ECHO);
    expect(judged("hello", mentions(...crowd, ECHO_ID))).toBe(NONE);
  });
});

const link = (href: string, label = "Echo") => html(`ask <a href="${href}">${label}</a> about it`);

describe("a pill, where m.mentions is absent", () => {
  test.for<[name: string, formatted: Record<string, unknown>, expected: string]>([
    ["matrix.to", link(`https://matrix.to/#/${ECHO_ID}`), ECHO],
    ["matrix.to with %40", link("https://matrix.to/#/%40agent_echo:hs.test"), ECHO],
    ["matrix.to with %40 and %3A", link("https://matrix.to/#/%40agent_echo%3Ahs.test"), ECHO],
    ["matrix.to with %3a", link("https://matrix.to/#/@agent_echo%3ahs.test"), ECHO],
    ["matrix.to with ?via", link(`https://matrix.to/#/${ECHO_ID}?via=hs.test`), ECHO],
    ["matrix.to with two ?via", link(`https://matrix.to/#/${ECHO_ID}?via=hs.test&amp;via=other.test`), ECHO],
    ["matrix.to over http", link(`http://matrix.to/#/${ECHO_ID}`), ECHO],
    ["www.matrix.to", link(`https://www.matrix.to/#/${ECHO_ID}`), ECHO],
    ["HTTPS://MATRIX.TO", link(`HTTPS://MATRIX.TO/#/${ECHO_ID}`), ECHO],
    ["matrix:u/", link("matrix:u/agent_echo:hs.test"), ECHO],
    ["matrix:user/", link("matrix:user/agent_echo:hs.test"), ECHO],
    ["matrix:u/ with an action", link("matrix:u/agent_echo:hs.test?action=chat"), ECHO],
    ["single quotes", html(`<a href='https://matrix.to/#/${ECHO_ID}'>Echo</a> hello`), ECHO],
    ["uppercase HTML", html(`<A HREF="https://matrix.to/#/${ECHO_ID}">Echo</A> hello`), ECHO],
    ["spaces around =", html(`<a href = "https://matrix.to/#/${ECHO_ID}">Echo</a> hello`), ECHO],
    ["other attributes before", html(`<a class="pill" href="https://matrix.to/#/${ECHO_ID}">Echo</a>`), ECHO],
    ["other attributes behind", html(`<a href="https://matrix.to/#/${ECHO_ID}" rel="noopener">Echo</a>`), ECHO],
    ["attributes on lines of their own", html(`<a\n  href="https://matrix.to/#/${ECHO_ID}"\n>Echo</a>`), ECHO],
    ["a label that is no name (OpenClaw #6982)", link(`https://matrix.to/#/${ECHO_ID}`, "you there"), ECHO],
    ["@[Name] for a label (OpenClaw #83142)", link(`https://matrix.to/#/${ECHO_ID}`, "@[Echo]"), ECHO],
    ["a label that is another's name", link(`https://matrix.to/#/${GUIDE_ID}`, "Echo"), GUIDE],
    ["in bold", html(`<strong><a href="https://matrix.to/#/${ECHO_ID}">Echo</a></strong>`), ECHO],
    ["in a list", html(`<ul><li><a href="https://matrix.to/#/${ECHO_ID}">Echo</a></li></ul>`), ECHO],
    ["in mx-reply", html(`<mx-reply><a href="https://matrix.to/#/${ECHO_ID}">E</a></mx-reply>hello`), NONE],
    ["in <MX-REPLY>", html(`<MX-REPLY><a href="https://matrix.to/#/${ECHO_ID}">E</a></MX-REPLY>hello`), NONE],
    ["in code", html(`<code><a href="https://matrix.to/#/${ECHO_ID}">Echo</a></code>`), NONE],
    ["in pre", html(`<pre><a href="https://matrix.to/#/${ECHO_ID}">Echo</a></pre>`), NONE],
    ["in code with a language", html(`<code class="x"><a href="https://matrix.to/#/${ECHO_ID}">E</a></code>`), NONE],
    ["in blockquote", html(`<blockquote><a href="https://matrix.to/#/${ECHO_ID}">E</a></blockquote>so`), NONE],
    ["in a quotation that does not end", html(`<blockquote><a href="https://matrix.to/#/${ECHO_ID}">E</a>`), NONE],
    [
      "in a quotation behind a quotation within it",
      html(`<blockquote><blockquote>so</blockquote><a href="https://matrix.to/#/${ECHO_ID}">E</a></blockquote>no`),
      NONE,
    ],
    [
      "in pre behind code within it",
      html(`<pre><code>x</code><a href="https://matrix.to/#/${ECHO_ID}">E</a></pre>no`),
      NONE,
    ],
    ["behind a quotation", html(`<blockquote>so</blockquote><a href="matrix:u/agent_echo:hs.test">E</a>`), ECHO],
    ["between two quotations", html(`<code>a</code><a href="matrix:u/agent_echo:hs.test">E</a><code>b</code>`), ECHO],
    ["a link to an event", link("https://matrix.to/#/!room/$of_agent"), NONE],
    ["a link to a room", link("https://matrix.to/#/#echo:hs.test"), NONE],
    ["a link to a person", link("https://matrix.to/#/@bob:hs.test"), NONE],
    ["a link to a longer id", link("https://matrix.to/#/@agent_echo:hs.test.evil.test"), NONE],
    ["a link to another site", link(`https://evil.test/#/${ECHO_ID}`), NONE],
    ["a link that has matrix.to in its query", link(`https://evil.test/?https://matrix.to/#/${ECHO_ID}`), NONE],
    ["a link to a site that begins like matrix.to", link(`https://matrix.to.evil.test/#/${ECHO_ID}`), NONE],
    ["a link that cannot be decoded", link("https://matrix.to/#/%E0%A4%A"), NONE],
    ["a link without a target", html("<a name='x'>Echo</a>"), NONE],
  ])("%s: $2", ([, formatted, expected]) => expect(judged("ask the agent about it", formatted)).toBe(expected));

  test.for<Row>([
    ["wins over an id in the text", GUIDE_ID, pill(ECHO_ID), ECHO],
    ["wins over a name at the start", "Guide: hello", pill(ECHO_ID), ECHO],
    ["of a user wins over a name at the start", "Guide: hello", pill("@bob:hs.test"), NONE],
    ["does not count without a format", "hello", { formatted_body: pill(ECHO_ID)["formatted_body"] }, NONE],
    ["does not count in another format", "hello", { ...pill(ECHO_ID), format: "text/html" }, NONE],
    ["does not count in the body", `<a href="https://matrix.to/#/${ECHO_ID}">Echo</a>`, {}, NONE],
    ["does not count where the HTML is a number", "hello", { ...html(""), formatted_body: 5 }, NONE],
  ])("%s: $3", ([, body, content, expected]) => expect(judged(body, content)).toBe(expected));

  test("of each agent wakes both", () => {
    const formatted = html(
      `<a href="https://matrix.to/#/${GUIDE_ID}">G</a> <a href="matrix:u/agent_echo:hs.test">E</a>`,
    );
    expect(judged("hello", formatted)).toBe(BOTH);
  });
});

describe("a user id in the text, where m.mentions and pills are absent", () => {
  test.for<[name: string, body: string, expected: string]>([
    ["at the start", "@agent_echo:hs.test hello", ECHO],
    ["in the middle", "ask @agent_echo:hs.test about it", ECHO],
    ["at the end", "what do you say, @agent_echo:hs.test", ECHO],
    ["alone", "@agent_echo:hs.test", ECHO],
    ["twice", "@agent_echo:hs.test @agent_echo:hs.test", ECHO],
    ["beside the other's", "@agent_guide:hs.test and @agent_echo:hs.test", BOTH],
    ["before a colon", "@agent_echo:hs.test: hello", ECHO],
    ["before a comma", "@agent_echo:hs.test, hello", ECHO],
    ["before a full stop", "ask @agent_echo:hs.test.", ECHO],
    ["before a question mark", "and @agent_echo:hs.test?", ECHO],
    ["before an exclamation mark", "hey @agent_echo:hs.test!", ECHO],
    ["in brackets", "(@agent_echo:hs.test)", ECHO],
    ["in quotation marks", '"@agent_echo:hs.test"', ECHO],
    ["in a Markdown link's label", "[@agent_echo:hs.test](x)", ECHO],
    ["on a line of its own", "hello\n@agent_echo:hs.test\nwell?", ECHO],
    ["before its possessive", "what is @agent_echo:hs.test's view", ECHO],
    ["with a port it does not have", "@agent_echo:hs.test:8448 hello", NONE],
    ["as a longer server's beginning", "@agent_echo:hs.test.evil.test hello", NONE],
    ["as a longer server's beginning by a hyphen", "@agent_echo:hs.test-evil.test hello", NONE],
    ["as a longer server's beginning by a letter", "@agent_echo:hs.testing hello", NONE],
    ["as a longer localpart's beginning", "@agent_echo2:hs.test hello", NONE],
    ["as a longer localpart's end", "@my_agent_echo:hs.test hello", NONE],
    ["with a letter before it", "x@agent_echo:hs.test hello", NONE],
    ["like an e-mail address", "me.@agent_echo:hs.test", NONE],
    ["behind another @", "@@agent_echo:hs.test", NONE],
    ["in a URL", `https://matrix.to/#/${ECHO_ID}`, NONE],
    ["in a query", "https://x.test/?user=@agent_echo:hs.test", NONE],
    ["in backticks", "write `@agent_echo:hs.test`", NONE],
    ["in two backticks", "write `` @agent_echo:hs.test ` ``", NONE],
    ["between backticks that do not match", "`` @agent_echo:hs.test `", ECHO],
    ["behind a lone backtick", "it's ` and @agent_echo:hs.test", ECHO],
    ["behind code", "`code` @agent_echo:hs.test", ECHO],
    ["between two pieces of code", "`a` @agent_echo:hs.test `b`", ECHO],
    ["in a fence", "look:\n```\n@agent_echo:hs.test\n```", NONE],
    ["in a fence with a language", "```yaml\nuser: @agent_echo:hs.test\n```", NONE],
    ["in a fence of tildes", "~~~\n@agent_echo:hs.test\n~~~", NONE],
    ["in a fence of tildes with backticks in it", "~~~\n```\n@agent_echo:hs.test\n~~~", NONE],
    ["in a longer fence with a shorter in it", "````\n```\n@agent_echo:hs.test\n````", NONE],
    ["in a fence that does not end", "```\n@agent_echo:hs.test", NONE],
    ["behind a fence", "```\ncode\n```\n@agent_echo:hs.test", ECHO],
    ["behind four spaces and backticks, which are no fence", "x\n    ```\n@agent_echo:hs.test", ECHO],
    ["in another case", "@Agent_Echo:HS.TEST hello", NONE],
    ["of a person, with the agent's name before", "Echo: ask @bob:hs.test", "wake echo by mention"],
    ["of an agent, with another's name before", "Guide: ask @agent_echo:hs.test", "wake echo by mention"],
    ["without the @", "agent_echo:hs.test hello", NONE],
    ["without the server (Hermes: \\blocalpart\\b anywhere)", "the agent_echo is down", NONE],
    ["without the server, with the @", "@agent_echo hello", NONE],
    ["behind 8,000 letters", `${"x ".repeat(4_000)}@agent_echo:hs.test`, NONE],
  ])("%s: $2", ([, body, expected]) => expect(judged(body, {})).toBe(expected));
});

describe("@room", () => {
  const ON = both({ atRoom: true });
  test.for<[name: string, body: string, content: Record<string, unknown>, off: string, on: string]>([
    ["by m.mentions", "@room hello", { "m.mentions": { room: true } }, NONE, BOTH],
    ["by m.mentions alone", "hello", { "m.mentions": { room: true } }, NONE, BOTH],
    ["in the text", "@room hello", {}, NONE, BOTH],
    ["in the middle of the text", "hello @room!", {}, NONE, BOTH],
    ["in brackets", "(@room)", {}, NONE, BOTH],
    ["beside a mention", "@room hello", { "m.mentions": { room: true, user_ids: [ECHO_ID] } }, ECHO, BOTH],
    ["not by m.mentions", "@room hello", { "m.mentions": {} }, NONE, NONE],
    ["false in m.mentions", "@room hello", { "m.mentions": { room: false } }, NONE, NONE],
    ["a word in m.mentions", "@room hello", { "m.mentions": { room: "true" } }, NONE, NONE],
    ["within a word", "@roommate hello", {}, NONE, NONE],
    ["like an e-mail address", "me@room", {}, NONE, NONE],
    ["in code", "write `@room`", {}, NONE, NONE],
  ])("%s", ([, body, content, off, on]) => {
    expect(judged(body, content)).toBe(off);
    expect(judged(body, content, ON)).toBe(on);
  });
});
