/** Whom a command names, from end to end: by id, pill, link or, to take a permission back, by the name in the room. */
import { describe, expect, test, vi } from "vitest";
import { aMessage } from "#testing/events.ts";
import { ALICE, aBridge, BOB, ECHO, echo, GUIDE, soon } from "#testing/room.ts";

const CAROL = "@carol:partner.example";
const DAVE = "@dave:hs.test";
const bridge = aBridge();

const html = (formatted_body: string) => ({ format: "org.matrix.custom.html", formatted_body });
const pill = (userId: string, label: string) => `<a href="https://matrix.to/#/${userId}">${label}</a>`;
const say = (body: string, content: object = {}) => bridge.world.push(aMessage(body, { content }));
const grants = async () => (await bridge.world.ledger.grants()).map(({ userId }) => userId);
const memberRequests = () => bridge.world.server.requests.filter((request) => request.includes("/members?"));
const members = (...names: [userId: string, name: string][]) => {
  for (const [userId, name] of names) bridge.world.server.names.set(userId, name);
};

async function begun(...users: string[]): Promise<void> {
  await bridge.begin(echo({ admins: [ALICE], users: [] }), ALICE, BOB, ECHO, ...users);
}
async function carolIsIn(): Promise<void> {
  await begun(CAROL, DAVE);
  await say(`!allow ${CAROL}`);
  await vi.waitFor(async () => expect(await grants()).toEqual([CAROL]), soon);
}

describe("kind 7, input 5: a pill in an argument", () => {
  test("lets a user in, and out", async () => {
    await begun();
    await say("!allow Carol", html(`!allow ${pill(CAROL, "Carol")}`));
    await bridge.answered(/^`@carol:partner\.example` may now talk to/);
    await say("!deny Carol", html(`!deny ${pill(CAROL, "Carol")}`));
    await bridge.answered(/^Done\. `@carol:partner\.example` may no longer talk to/);
    expect(await grants()).toEqual([]);
    expect(memberRequests()).toEqual([]);
  });

  test.for<[name: string, argument: string, content: object]>([
    ["a pill beside the agent's", "Carol", html(`${pill(ECHO, "echo")}: !deny ${pill(CAROL, "Carol")}`)],
    ["a pill with @", "@Carol", html(`!deny ${pill(CAROL, "@Carol")}`)],
    ["a pill of a name with entities", "C & Co", html(`!deny ${pill(CAROL, "C &amp; Co")}`)],
    ["a Markdown link", `[Carol](https://matrix.to/#/${CAROL})`, {}],
    ["a bare link", `https://matrix.to/#/${CAROL}?via=x`, {}],
    ["a link with %40", "https://matrix.to/#/%40carol%3Apartner.example", {}],
    ["a matrix: link", "matrix:u/carol:partner.example", {}],
    ["an id", CAROL, {}],
    ["an id with invisible marks", `\u2068${CAROL}\u2069\u200b`, {}],
    ["an id of full width", "＠carol：partner.example", {}],
    ["an id in backticks", `\`${CAROL}\``, {}],
    ["an id in angle brackets and a full stop", `<${CAROL}>.`, {}],
    ["an id and a reason", `${CAROL} for her spam`, {}],
    ["a mention without HTML", "Carol", { "m.mentions": { user_ids: [CAROL] } }],
    ["the client's own command", "", { "m.bot.command": { command: "deny", arguments: { user: CAROL } } }],
  ])("names the user: %s", async ([, argument, content]) => {
    await carolIsIn();
    await say(`!deny ${argument}`, content);
    await vi.waitFor(async () => expect(await grants()).toEqual([]), soon);
    await bridge.answered(/^Done\. `@carol:partner\.example`/);
    expect(memberRequests()).toEqual([]);
  });

  test.for<[name: string, argument: string, content: object, says: RegExp]>([
    ["two ids", `${CAROL} ${DAVE}`, {}, /one user at a time/],
    ["two pills of one name", "Sam", html(`${pill(CAROL, "Sam")} ${pill(DAVE, "Sam")}`), /one user at a time/],
    ["a bare name", "Dave", {}, /whole user id/],
    [
      "a bare name, in a reply to another",
      "Dave",
      { "m.mentions": { user_ids: [CAROL] }, "m.relates_to": { "m.in_reply_to": { event_id: "$hers" } } },
      /whole user id/,
    ],
    [
      "a bare name, above a text that mentions another",
      "Dave\nas Carol said",
      html(`!allow Dave<br>as ${pill(CAROL, "Carol")} said`),
      /whole user id/,
    ],
    ["a pattern", "@*:partner.example", {}, /whole user id/],
    ["the agent's own pill", "echo", html(`!allow ${pill(ECHO, "echo")}`), /whole user id/],
  ])("lets nobody in: %s", async ([, argument, content, says]) => {
    await begun(CAROL, DAVE);
    members([DAVE, "Dave"]);
    await say(`!allow ${argument}`, content);
    await bridge.answered(says);
    expect(await grants()).toEqual([]);
    expect(memberRequests()).toEqual([]);
  });
});

describe("a bare name for `!deny`", () => {
  test.for([["Carol"], ["carol"], ["@Carol"], ["Ｃａｒｏｌ"], ['"Carol"']] as const)(
    "means the one member who has it, from one request, and the answer says whom: %s",
    async ([name]) => {
      await carolIsIn();
      members([CAROL, "Carol"], [DAVE, "Dave"]);
      await say(`!deny ${name}`);
      await bridge.answered(/^Done\. `@carol:partner\.example` may no longer talk to \*\*echo\*\*/);
      expect(await grants()).toEqual([]);
      expect(memberRequests()).toHaveLength(1);
    },
  );

  test("that two members have changes nothing, and the answer names both", async () => {
    await carolIsIn();
    members([CAROL, "Carol"], [DAVE, "CAROL"]);
    await say("!deny Carol");
    await bridge.answered(/^Several users .*`@carol:partner\.example`, `@dave:hs\.test`/);
    expect(await grants()).toEqual([CAROL]);
  });

  test("of a member who was not let in is said so", async () => {
    await carolIsIn();
    members([DAVE, "Dave"]);
    await say("!deny Dave");
    await bridge.answered(/^`@dave:hs\.test` was not let in/);
    expect(await grants()).toEqual([CAROL]);
  });

  test("that nobody has, or one of our own users", async () => {
    await carolIsIn();
    members([ECHO, "The Echo"]);
    await say("!deny Nobody");
    await bridge.answered(/^No such user was let in/);
    await say("!deny The Echo");
    await vi.waitFor(
      () => expect(bridge.said().filter((said) => said.startsWith("No such user"))).toHaveLength(2),
      soon,
    );
  });

  test("where the members cannot be read asks for the id", async () => {
    await carolIsIn();
    bridge.world.server.answerFirst = ({ path }) =>
      path.endsWith("/members") ? Response.json({ errcode: "M_FORBIDDEN" }, { status: 403 }) : undefined;
    await say("!deny Carol");
    await bridge.answered(/members of this room cannot be read/);
    expect(await grants()).toEqual([CAROL]);
  });
});

test("the choices of a command are read in whichever characters", async () => {
  await bridge.begin({ ...echo({ admins: [ALICE] }), guide: { backend: { use: "echo" } } }, ALICE, ECHO, GUIDE);
  await say("echo: ！ｔｈｒｅａｄ　Ａｌｗａｙｓ", { "m.mentions": { user_ids: [ECHO] } });
  await bridge.answered(/answers in threads: always/);
  await say("echo: !model `gpt-x`", { "m.mentions": { user_ids: [ECHO] } });
  await bridge.answered(/model from now on: gpt-x/);
});

test("`!join` takes a link to a room", async () => {
  await bridge.begin(echo({ admins: [ALICE] }));
  bridge.world.server.aliases.set("#there:hs.test", "!there");
  await say("!join https://matrix.to/#/%23there:hs.test?via=hs.test");
  await bridge.answered(/^\*\*echo\*\* has joined|joined/);
  expect(
    bridge.world.server.requests.some((request) => request.startsWith("POST") && request.includes("/join/!there")),
  ).toBe(true);
});
