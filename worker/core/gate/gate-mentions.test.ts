/** Who is mentioned: by `m.mentions`, by a pill, by a user id in the text. In the room are Alice, Bob, Echo and Guide. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import { both, ECHO_ID, facts, GUIDE_ID, html, inWords, mentions, pill, verdictOn } from "#testing/gate-facts.ts";

const ECHO = "wake echo by mention";
const GUIDE = "wake guide by mention";
const BOTH = "wake echo by mention, guide by mention";
const NOBODY = "ignore not_addressed";

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
    ["names a person", "hello", mentions("@bob:hs.test"), NOBODY],
    ["names an agent of another server", "hello", mentions("@agent_echo:evil.test"), NOBODY],
    ["names a longer id", "hello", mentions("@agent_echo:hs.test.evil.test"), NOBODY],
    ["names a shorter id", "hello", mentions("@agent_ech:hs.test"), NOBODY],
    ["names the id in another case", "hello", mentions("@Agent_Echo:hs.test"), NOBODY],
    ["names the id with a port", "hello", mentions("@agent_echo:hs.test:8448"), NOBODY],
    ["names the id with a space", "hello", mentions("@agent_echo:hs.test "), NOBODY],
    ["names an agent that is not in the room", "hello", mentions("@agent_other:hs.test"), NOBODY],
    ["names a bare name", "hello", mentions("echo"), NOBODY],
    ["has ids among rubbish", "hello", { "m.mentions": { user_ids: [7, null, {}, ECHO_ID] } }, ECHO],
    ["has a word for a list", "Echo: hello", { "m.mentions": { user_ids: ECHO_ID } }, NOBODY],
    ["is empty, and so beats the name at the start", "Echo: hello", { "m.mentions": {} }, NOBODY],
    ["is empty, and so beats the user id", `${ECHO_ID} hello`, { "m.mentions": {} }, NOBODY],
    ["is empty, and so beats a pill", "Echo hello", { ...pill(ECHO_ID), "m.mentions": {} }, NOBODY],
    ["is an empty list, and so beats a pill", "Echo hello", { ...pill(ECHO_ID), ...mentions() }, NOBODY],
    ["names Guide, and so beats Echo's pill", "Echo: hello", { ...pill(ECHO_ID), ...mentions(GUIDE_ID) }, GUIDE],
    ["names Guide, and so beats Echo's id", `${ECHO_ID} hello`, mentions(GUIDE_ID), GUIDE],
    ["names Bob, and so beats Echo's name", "Echo: hello", mentions("@bob:hs.test"), NOBODY],
    ["names somebody whose name the text does not say (OpenClaw #64785)", "well?", mentions(ECHO_ID), ECHO],
  ])("%s", ([, body, content, expected]) => expect(judged(body, content)).toBe(expected));

  test.for<Row>([
    ["a word", "Echo: hello", { "m.mentions": "all" }, ECHO],
    ["null", "Echo: hello", { "m.mentions": null }, ECHO],
    ["a list", "Echo: hello", { "m.mentions": [ECHO_ID] }, ECHO],
    ["a number", "hello", { "m.mentions": 1 }, NOBODY],
  ])("that cannot be read is none: %s", ([, body, content, expected]) => expect(judged(body, content)).toBe(expected));

  test("names at most fifty", () => {
    const crowd = Array.from({ length: 50 }, (_, at) => `@user${at}:hs.test`);
    expect(judged("hello", mentions(...crowd.slice(1), ECHO_ID))).toBe(ECHO);
    expect(judged("hello", mentions(...crowd, ECHO_ID))).toBe(NOBODY);
  });
});

const link = (href: string, label = "Echo") => html(`ask <a href="${href}">${label}</a> about it`);

describe("a pill, where m.mentions is not", () => {
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
    ["in mx-reply", html(`<mx-reply><a href="https://matrix.to/#/${ECHO_ID}">E</a></mx-reply>hello`), NOBODY],
    ["in <MX-REPLY>", html(`<MX-REPLY><a href="https://matrix.to/#/${ECHO_ID}">E</a></MX-REPLY>hello`), NOBODY],
    ["in code", html(`<code><a href="https://matrix.to/#/${ECHO_ID}">Echo</a></code>`), NOBODY],
    ["in pre", html(`<pre><a href="https://matrix.to/#/${ECHO_ID}">Echo</a></pre>`), NOBODY],
    ["in code with a language", html(`<code class="x"><a href="https://matrix.to/#/${ECHO_ID}">E</a></code>`), NOBODY],
    ["in blockquote", html(`<blockquote><a href="https://matrix.to/#/${ECHO_ID}">E</a></blockquote>so`), NOBODY],
    ["in a quotation that does not end", html(`<blockquote><a href="https://matrix.to/#/${ECHO_ID}">E</a>`), NOBODY],
    [
      "in a quotation behind a quotation within it",
      html(`<blockquote><blockquote>so</blockquote><a href="https://matrix.to/#/${ECHO_ID}">E</a></blockquote>no`),
      NOBODY,
    ],
    [
      "in pre behind code within it",
      html(`<pre><code>x</code><a href="https://matrix.to/#/${ECHO_ID}">E</a></pre>no`),
      NOBODY,
    ],
    ["behind a quotation", html(`<blockquote>so</blockquote><a href="matrix:u/agent_echo:hs.test">E</a>`), ECHO],
    ["between two quotations", html(`<code>a</code><a href="matrix:u/agent_echo:hs.test">E</a><code>b</code>`), ECHO],
    ["a link to an event", link("https://matrix.to/#/!room/$of_agent"), NOBODY],
    ["a link to a room", link("https://matrix.to/#/#echo:hs.test"), NOBODY],
    ["a link to a person", link("https://matrix.to/#/@bob:hs.test"), NOBODY],
    ["a link to a longer id", link("https://matrix.to/#/@agent_echo:hs.test.evil.test"), NOBODY],
    ["a link to another site", link(`https://evil.test/#/${ECHO_ID}`), NOBODY],
    ["a link that has matrix.to in its query", link(`https://evil.test/?https://matrix.to/#/${ECHO_ID}`), NOBODY],
    ["a link to a site that begins like matrix.to", link(`https://matrix.to.evil.test/#/${ECHO_ID}`), NOBODY],
    ["a link that cannot be decoded", link("https://matrix.to/#/%E0%A4%A"), NOBODY],
    ["a link without a target", html("<a name='x'>Echo</a>"), NOBODY],
  ])("%s", ([, formatted, expected]) => expect(judged("ask somebody about it", formatted)).toBe(expected));

  test.for<Row>([
    ["beats an id in the text", GUIDE_ID, pill(ECHO_ID), ECHO],
    ["beats a name at the start", "Guide: hello", pill(ECHO_ID), ECHO],
    ["of a person beats a name at the start", "Guide: hello", pill("@bob:hs.test"), NOBODY],
    ["is none in a text without a format", "hello", { formatted_body: pill(ECHO_ID)["formatted_body"] }, NOBODY],
    ["is none in another format", "hello", { ...pill(ECHO_ID), format: "text/html" }, NOBODY],
    ["is none in a body", `<a href="https://matrix.to/#/${ECHO_ID}">Echo</a>`, {}, NOBODY],
    ["is none where the HTML is a number", "hello", { ...html(""), formatted_body: 5 }, NOBODY],
  ])("%s", ([, body, content, expected]) => expect(judged(body, content)).toBe(expected));

  test("of both wakes both", () => {
    const formatted = html(
      `<a href="https://matrix.to/#/${GUIDE_ID}">G</a> <a href="matrix:u/agent_echo:hs.test">E</a>`,
    );
    expect(judged("hello", formatted)).toBe(BOTH);
  });
});

describe("a user id in the text, where there is neither", () => {
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
    ["with a port it does not have", "@agent_echo:hs.test:8448 hello", NOBODY],
    ["as a longer server's beginning", "@agent_echo:hs.test.evil.test hello", NOBODY],
    ["as a longer server's beginning by a hyphen", "@agent_echo:hs.test-evil.test hello", NOBODY],
    ["as a longer server's beginning by a letter", "@agent_echo:hs.testing hello", NOBODY],
    ["as a longer localpart's beginning", "@agent_echo2:hs.test hello", NOBODY],
    ["as a longer localpart's end", "@my_agent_echo:hs.test hello", NOBODY],
    ["with a letter before it", "x@agent_echo:hs.test hello", NOBODY],
    ["like an e-mail address", "me.@agent_echo:hs.test", NOBODY],
    ["behind another @", "@@agent_echo:hs.test", NOBODY],
    ["in a URL", `https://matrix.to/#/${ECHO_ID}`, NOBODY],
    ["in a query", "https://x.test/?user=@agent_echo:hs.test", NOBODY],
    ["in backticks", "write `@agent_echo:hs.test`", NOBODY],
    ["in two backticks", "write `` @agent_echo:hs.test ` ``", NOBODY],
    ["between backticks that do not match", "`` @agent_echo:hs.test `", ECHO],
    ["behind a lone backtick", "it's ` and @agent_echo:hs.test", ECHO],
    ["behind code", "`code` @agent_echo:hs.test", ECHO],
    ["between two pieces of code", "`a` @agent_echo:hs.test `b`", ECHO],
    ["in a fence", "look:\n```\n@agent_echo:hs.test\n```", NOBODY],
    ["in a fence with a language", "```yaml\nuser: @agent_echo:hs.test\n```", NOBODY],
    ["in a fence of tildes", "~~~\n@agent_echo:hs.test\n~~~", NOBODY],
    ["in a fence of tildes with backticks in it", "~~~\n```\n@agent_echo:hs.test\n~~~", NOBODY],
    ["in a longer fence with a shorter in it", "````\n```\n@agent_echo:hs.test\n````", NOBODY],
    ["in a fence that does not end", "```\n@agent_echo:hs.test", NOBODY],
    ["behind a fence", "```\ncode\n```\n@agent_echo:hs.test", ECHO],
    ["behind four spaces and backticks, which are no fence", "x\n    ```\n@agent_echo:hs.test", ECHO],
    ["in another case", "@Agent_Echo:HS.TEST hello", NOBODY],
    ["of a person, with the agent's name before", "Echo: ask @bob:hs.test", "wake echo by mention"],
    ["of an agent, with another's name before", "Guide: ask @agent_echo:hs.test", "wake echo by mention"],
    ["without the @", "agent_echo:hs.test hello", NOBODY],
    ["without the server (Hermes: \\blocalpart\\b anywhere)", "the agent_echo is down", NOBODY],
    ["without the server, with the @", "@agent_echo hello", NOBODY],
    ["behind 8,000 letters", `${"x ".repeat(4_000)}@agent_echo:hs.test`, NOBODY],
  ])("%s", ([, body, expected]) => expect(judged(body, {})).toBe(expected));
});

describe("@room", () => {
  const ON = both({ atRoom: true });
  test.for<[name: string, body: string, content: Record<string, unknown>, off: string, on: string]>([
    ["by m.mentions", "@room hello", { "m.mentions": { room: true } }, NOBODY, BOTH],
    ["by m.mentions alone", "hello", { "m.mentions": { room: true } }, NOBODY, BOTH],
    ["in the text", "@room hello", {}, NOBODY, BOTH],
    ["in the middle of the text", "hello @room!", {}, NOBODY, BOTH],
    ["in brackets", "(@room)", {}, NOBODY, BOTH],
    ["beside a mention", "@room hello", { "m.mentions": { room: true, user_ids: [ECHO_ID] } }, ECHO, BOTH],
    ["not by m.mentions", "@room hello", { "m.mentions": {} }, NOBODY, NOBODY],
    ["false in m.mentions", "@room hello", { "m.mentions": { room: false } }, NOBODY, NOBODY],
    ["a word in m.mentions", "@room hello", { "m.mentions": { room: "true" } }, NOBODY, NOBODY],
    ["within a word", "@roommate hello", {}, NOBODY, NOBODY],
    ["like an e-mail address", "me@room", {}, NOBODY, NOBODY],
    ["in code", "write `@room`", {}, NOBODY, NOBODY],
  ])("%s", ([, body, content, off, on]) => {
    expect(judged(body, content)).toBe(off);
    expect(judged(body, content, ON)).toBe(on);
  });
});
