/**
 * What people typed, whatever client, relay or bridge wrote it (kind 7 of the cases from the field): the same message is
 * decided the same. Sources stand beside the forms.
 */
import { describe, expect, test } from "vitest";
import { Dice } from "#testing/chance.ts";
import { aMessage } from "#testing/events.ts";
import { alone, ECHO_ID, facts, html, inWords, mentions, verdictOn } from "#testing/gate-facts.ts";
import { readMessage } from "../message/message.ts";
import type { Facts, Verdict } from "./facts.ts";
import { needsOf } from "./needs.ts";

type Content = Record<string, unknown>;
const LINK = `https://matrix.to/#/${ECHO_ID}`;
const asked = (verdict: Verdict): string =>
  verdict.kind === "wake"
    ? verdict.woken.map(({ text, because }) => `${because}: ${text}`).join("; ")
    : inWords(verdict);
const decided = (body: string, content: Content = {}, seen: Facts = alone({}, {}, { name: "Echo" })): string =>
  asked(verdictOn(aMessage(body, { content }), seen));

const profile = (
  displayname: string,
  more: object = { has_fallback: true },
  key = "com.beeper.per_message_profile",
) => ({
  [key]: { id: "x", displayname, ...more },
});
const marked = (name: string, rest: string) => html(`<strong data-mx-profile-fallback>${name}: </strong>${rest}`);

describe("kind 7, input 4: a link in the body", () => {
  const body = (text: string) => `[${ECHO_ID}](${LINK}) ${text}`;
  const content = (text: string) => ({ ...html(`<a href="${LINK}">Echo</a> ${text}`), ...mentions(ECHO_ID) });
  test("before a command", () =>
    expect(decided(body("!status"), content("!status"))).toBe("command status for echo, says echo"));
  test("before a question", () =>
    expect(decided(body("what is up"), content("what is up"))).toBe("mention: what is up"));
});

describe("kind 7, input 18: the name of a profile", () => {
  const ALICE = { ...marked("Alice (work)", "!status"), ...profile("Alice (work)") };
  test("before a command", () =>
    expect(decided("Alice (work): !status", ALICE)).toBe("command status for echo, says echo"));
  test("before a mention", () =>
    expect(decided("Alice (work): Echo: hello", profile("Alice (work)"))).toBe("mention: hello"));
  test("changes nothing of who the sender is", () => {
    const seen = alone({ users: ["@alice:hs.test"] }, {}, { name: "Echo" });
    const event = (sender: string) =>
      aMessage("@alice:hs.test: Echo: hello", { sender, content: profile("@alice:hs.test") });
    expect(inWords(verdictOn(event("@relay:hs.test"), seen))).toBe("ignore not_permitted, about echo");
    expect(inWords(verdictOn(event("@alice:hs.test"), seen))).toBe("wake echo by mention");
  });

  test.for<[name: string, body: string, content: Content, expected: string]>([
    // MSC4144, its stable key.
    [
      "with the stable key",
      "Cat: Echo: hi",
      profile("Cat", { has_fallback: true }, "m.per_message_profile"),
      "mention: hi",
    ],
    // matterbridge, `UseMSC4144`: the name is that of `RemoteNickFormat`, with its brackets and space.
    ["in brackets", "[irc] <bob> : Echo: hi", profile("[irc] <bob> "), "mention: hi"],
    ["in brackets, trimmed", "<bob>: Echo: hi", profile("<bob> "), "mention: hi"],
    // Sable writes the element; other clients leave `has_fallback` out.
    [
      "that the HTML alone marks",
      "Bo &amp: Echo: hi",
      { ...marked("Bo &amp;amp", "x"), ...profile("?", {}) },
      "mention: hi",
    ],
    [
      "that the HTML alone marks, in a paragraph",
      "Bo: Echo: hi",
      { ...html("<p><strong data-mx-profile-fallback>Bo: </strong>x</p>"), ...profile("Bo", {}) },
      "mention: hi",
    ],
    ["composed in another way", "Zoe\u0308: Echo: hi", profile("Zo\u00eb"), "mention: hi"],
    ["in angle brackets, without a colon", "<Bo> Echo: hi", profile("Bo"), "mention: hi"],
    ["in square brackets", "[Bo] Echo: hi", profile("Bo"), "mention: hi"],
    ["in bold", "**Bo**: Echo: hi", profile("Bo"), "mention: hi"],
    ["in bold with the colon", "**Bo:** Echo: hi", profile("Bo"), "mention: hi"],
    ["of a colon of full width", "助手：Echo：hi", profile("助手"), "mention: hi"],
    [
      "behind the quotation of a reply",
      "> <@a:b> x\n\nBo: Echo: hi",
      { ...profile("Bo"), "m.relates_to": { "m.in_reply_to": { event_id: "$x" } } },
      "mention: hi",
    ],
    [
      "before the quotation of a reply",
      "Bo: > <@a:b> x\n\nEcho: hi",
      { ...profile("Bo"), "m.relates_to": { "m.in_reply_to": { event_id: "$x" } } },
      "mention: hi",
    ],
    ["before a caption", "Bo: Echo: hi", { ...profile("Bo"), msgtype: "m.image", filename: "a.png" }, "mention: hi"],
  ])("is taken off %s", ([, body, content, expected]) => expect(decided(body, content)).toBe(expected));

  test.for<[name: string, body: string, content: Content]>([
    ["there is no profile", "Bo: Echo: hi", {}],
    ["the profile says that there is none", "Bo: Echo: hi", profile("Bo", { has_fallback: false })],
    ["the profile says nothing of it", "Bo: Echo: hi", profile("Bo", {})],
    ["the text begins with another", "Bob: Echo: hi", profile("Bo")],
    ["no colon follows", "Bo Echo: hi", profile("Bo")],
    ["the profile is no object", "Bo: Echo: hi", { "com.beeper.per_message_profile": "Bo" }],
    ["only the HTML has it, without a profile", "Bo: Echo: hi", marked("Bo", "hi")],
    ["a bridge wrote it without a mark (matterbridge's default)", "<bob> Echo: hi", {}],
  ])("stays where %s", ([, body, content]) => expect(decided(body, content)).toBe("ignore not_addressed"));

  test("in the HTML addresses no agent", () => {
    const name = `<a href="${LINK}">Echo</a>`;
    const content = { ...html(`<strong data-mx-profile-fallback>${name}: </strong>hi`), ...profile("Echo") };
    expect(decided("Echo: hi", content)).toBe("ignore not_addressed");
  });
});

describe("kind 7, input 19: punctuation of full width", () => {
  const named = alone({}, {}, { name: "助手" });
  test.for<[body: string, expected: string]>([
    ["助手：你好", "mention: 你好"],
    ["＠助手，你好！", "mention: 你好！"],
    ["助手、你好", "mention: 你好"],
    ["！status", "command status for echo, says echo"],
    ["／ｓｔａｔｕｓ", "command status for echo, says echo"],
    ["助手：！status", "command status for echo, says echo"],
    ["助手：！ｓｔａｔｕｓ　", "command status for echo, says echo"],
  ])("%s", ([body, expected]) => expect(decided(body, {}, named)).toBe(expected));
});

describe("kind 7, input 20: composed characters", () => {
  test.for([
    ["Zo\u00eb", "Zoe\u0308: hello"],
    ["Zoe\u0308", "Zo\u00eb: hello"],
    ["Zo\u00eb", "ZOE\u0308, hello"],
  ] as const)("an agent %j and %j", ([name, body]) =>
    expect(decided(body, {}, alone({}, {}, { name }))).toBe("mention: hello"),
  );
});

test.for<[name: string, pattern: string, body: string]>([
  ["of full width", "hey,? bot!", "ｈｅｙ， ｂｏｔ！"],
  ["decomposed", "zoë", "ask zoe\u0308"],
  ["that the operator wrote decomposed", "zoe\u0308", "ask zoë"],
  ["with marks between", "parrot", "ask the par\u200brot"],
  ["of full width in the pattern too", "助手，", "问助手，"],
])("a pattern finds a text %s", ([, pattern, body]) =>
  expect(decided(body, {}, alone({ patterns: [pattern] }))).toBe(
    `mention: ${body.normalize("NFC").replace("\u200b", "")}`,
  ),
);

test("the stop sign is one with whichever selector", () => {
  const reaction = (key: string) =>
    aMessage("", {
      type: "m.reaction",
      content: { "m.relates_to": { rel_type: "m.annotation", event_id: "$asked", key } },
    });
  const seen = facts({ askedAgents: alone().present.map(({ agent }) => agent.id) });
  for (const key of ["🛑", "🛑\ufe0f", "🛑\ufe0e"])
    expect(inWords(verdictOn(reaction(key), seen))).toBe("stop at $asked");
});

/** The forms in which clients mention Echo, each with the whole body and the content beside it. */
const FORMS: Record<string, (rest: string) => [body: string, content: Content]> = {
  "a name and a colon": (rest) => [`Echo: ${rest}`, {}],
  "a name and a comma": (rest) => [`Echo, ${rest}`, {}],
  "a name with @": (rest) => [`@Echo: ${rest}`, {}],
  "a name in other case": (rest) => [`eCHO : ${rest}`, {}],
  "a name and a line": (rest) => [`Echo:\n${rest}`, {}],
  "a name of full width": (rest) => [`Ｅｃｈｏ：${rest}`, {}],
  "a name with spaces of no width": (rest) => [`E\u200bc\u2060ho\ufeff: ${rest}`, {}],
  "a name with joiners": (rest) => [`Ec\u200dho\u200c: ${rest}`, {}],
  "a name in marks of direction": (rest) => [`\u2068Echo\u2069\u200e: ${rest}`, {}],
  "a name with a selector": (rest) => [`Echo\ufe0f: ${rest}`, {}],
  "a name behind a byte order mark": (rest) => [`\ufeffEcho: ${rest}`, {}],
  "a name and an Arabic comma": (rest) => [`Echo، ${rest}`, {}],
  "a name and an ideographic comma": (rest) => [`Echo、${rest}`, {}],
  "a user id": (rest) => [`${ECHO_ID} ${rest}`, {}],
  "a user id in angle brackets": (rest) => [`<${ECHO_ID}>: ${rest}`, {}],
  "a name and a user id": (rest) => [`Echo (${ECHO_ID}): ${rest}`, mentions(ECHO_ID)],
  "a user id and a colon": (rest) => [`${ECHO_ID}: ${rest}`, {}],
  "a user id with @ of full width": (rest) => [`＠agent_echo:hs.test ${rest}`, {}],
  "m.mentions and a name": (rest) => [`Echo: ${rest}`, mentions(ECHO_ID)],
  "m.mentions and a name without a colon": (rest) => [`Echo ${rest}`, mentions(ECHO_ID)],
  "m.mentions and @name": (rest) => [`@Echo ${rest}`, mentions(ECHO_ID)],
  "m.mentions and @[name]": (rest) => [`@[Echo] ${rest}`, mentions(ECHO_ID)],
  "m.mentions and [name]": (rest) => [`[Echo] ${rest}`, mentions(ECHO_ID)],
  "m.mentions and a user id": (rest) => [`${ECHO_ID} ${rest}`, mentions(ECHO_ID)],
  "m.mentions alone": (rest) => [rest, mentions(ECHO_ID)],
  "m.mentions and a bare link": (rest) => [`${LINK} ${rest}`, mentions(ECHO_ID)],
  "m.mentions and a link in angle brackets": (rest) => [`<${LINK}>: ${rest}`, mentions(ECHO_ID)],
  "m.mentions and a matrix: link": (rest) => [`matrix:u/agent_echo:hs.test ${rest}`, mentions(ECHO_ID)],
  "m.mentions and a name with its link behind": (rest) => [`Echo (${LINK}): ${rest}`, mentions(ECHO_ID)],
  "a pill": (rest) => [`Echo: ${rest}`, html(`<a href="${LINK}">Echo</a>: ${rest}`)],
  "a pill of another label": (rest) => [`The Old Echo: ${rest}`, html(`<a href="${LINK}">The Old Echo</a>: ${rest}`)],
  "a pill with @ in its label": (rest) => [
    `@Echo's ghost ${rest}`,
    html(`<a href='${LINK}'>@Echo&#39;s ghost</a> ${rest}`),
  ],
  "a pill and m.mentions": (rest) => [
    `Echo Two ${rest}`,
    { ...html(`<a href="${LINK}">Echo Two</a> ${rest}`), ...mentions(ECHO_ID) },
  ],
  "a pill by matrix:": (rest) => [
    `Echo ${rest}`,
    html(`<a href="matrix:u/agent_echo:hs.test?action=chat">Echo</a> ${rest}`),
  ],
  "a Markdown link with a name": (rest) => [`[Echo](${LINK}): ${rest}`, {}],
  "a Markdown link with @name": (rest) => [`[@Echo](${LINK}) ${rest}`, {}],
  "a Markdown link with a user id": (rest) => [`[${ECHO_ID}](${LINK}) ${rest}`, mentions(ECHO_ID)],
  "a Markdown link with escapes": (rest) => [`[@agent\\_echo:hs.test](${LINK}): ${rest}`, {}],
  "a Markdown link with brackets in its label": (rest) => [`[Echo [bot]](${LINK}) ${rest}`, {}],
  "a Markdown link in angle brackets": (rest) => [`[Echo](<${LINK}>) ${rest}`, {}],
  "a Markdown link with a title": (rest) => [`[Echo](${LINK} "Echo") ${rest}`, {}],
  "a Markdown link with %40 and via": (rest) => [
    `[Echo](https://matrix.to/#/%40agent_echo%3Ahs.test?via=hs.test), ${rest}`,
    {},
  ],
};

/** What clients and relays write around any message; none of it changes what was said. */
const AROUND: Record<string, (body: string, content: Content) => [body: string, content: Content]> = {
  nothing: (body, content) => [body, content],
  "the fallback of a reply": (body, content) => [
    `> <@bob:hs.test> Guide: no\n> !mute\n\n${body}`,
    { ...content, "m.relates_to": { "m.in_reply_to": { event_id: "$before" } } },
  ],
  "a profile": (body, content) => [`Bo (away): ${body}`, { ...content, ...profile("Bo (away)") }],
  "a profile and the fallback of a reply": (body, content) => [
    `> <@bob:hs.test> no\n\nBo: ${body}`,
    { ...content, ...profile("Bo"), "m.relates_to": { "m.in_reply_to": { event_id: "$before" } } },
  ],
  "blanks and a mark of direction": (body, content) => [` \u200f\n${body}\u200b  `, content],
};

const SAID: Record<string, [rest: string, expected: string]> = {
  "a question": ["what is up?", "mention: what is up?"],
  "a command": ["!status", "command status for echo, says echo"],
  "a command of full width": ["！ｓｔａｔｕｓ", "command status for echo, says echo"],
  "a command with invisible marks": ["!sta\u200btus\u200e", "command status for echo, says echo"],
};

test("there are forty forms", () => expect(Object.keys(FORMS).length).toBeGreaterThanOrEqual(40));

describe.for(Object.entries(FORMS))("kind 7: %s, with anything around it, is decided like `Echo: …`", ([, form]) => {
  test.for(Object.entries(SAID))("%s", ([, [rest, expected]]) => {
    for (const around of Object.values(AROUND)) expect(decided(...around(...form(rest)))).toBe(expected);
  });
});

test("kind 7: forms, what is around them and invisible marks in any place, at random", () => {
  const marks = ["\u200b", "\u2060", "\ufeff", "\u200e", "\u00ad", "\u202c", "\u2069"];
  for (let seed = 1; seed <= 600; seed++) {
    const dice = new Dice(seed);
    const [rest, expected] = dice.pick(Object.values(SAID));
    const [body, content] = dice.pick(Object.values(AROUND))(...dice.pick(Object.values(FORMS))(rest));
    const at = dice.below(body.length);
    // A quotation's marker and a link's target are read by programs.
    const isTyped = !body.includes("http") && !body.includes("matrix:") && !body.includes("> <");
    const typed = isTyped ? body.slice(0, at) + dice.pick(marks) + body.slice(at) : body;
    expect(decided(dice.oneIn(2) ? typed : typed.normalize("NFD"), content), `${seed}: ${JSON.stringify(typed)}`).toBe(
      expected,
    );
  }
});

test("the name that is looked up in a crowd is folded", () => {
  const opening = (body: string) => needsOf(readMessage(aMessage(body))).opening;
  expect(opening("Zoe\u0308：hello")).toBe("zoë");
  expect(opening("＠Ｅｃｈｏ， hello")).toBe("echo");
});
