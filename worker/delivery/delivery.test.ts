import { describe, expect, test } from "vitest";
import { CONTENT_KEY } from "#core/message/mark.ts";
import { readMessage } from "#core/message/message.ts";
import type { JsonObject, RoomEvent } from "#core/protocol/event.ts";
import { BOT, EventId, UserId } from "#core/protocol/ids.ts";
import { ok } from "#core/result.ts";
import { textReply } from "#core/turn/turn.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import type { Running } from "#ports/lanes.ts";
import { anEvent } from "#testing/events.ts";
import { anIntent } from "#testing/intent.ts";
import { aStoredTurn, ECHO, NAMESPACE, ROOM } from "#testing/ledger-rows.ts";
import { contentOf } from "./content.ts";
import { delivery } from "./delivery.ts";
import type { DraftLedger } from "./draft.ts";
import { toHtml } from "./html/render.ts";
import { mentionsOnce } from "./mentions.ts";

const turn = aStoredTurn({ hop: 2, state: "answered", attempt: 1 });
const DRAFT = EventId.parse("$draft");
const running: Running = {
  lease: { lane: "session:mx.echo.1", fence: 1 },
  lost: new AbortController().signal,
  rung: () => new Promise(() => undefined),
  release: (write) => write(),
};

/** The world of a draft: time passes at once, and queued rows are sent. */
function world() {
  const queued: OutboxRow[] = [];
  const put: JsonObject[] = [];
  const ledger: DraftLedger = {
    queueOut: async (_lease, rows) => queued.push(...rows) > 0,
    outboxRow: async () => (queued.length > 0 ? { state: "sent", eventId: DRAFT } : undefined),
    storeShown: async () => true,
  };
  const delivers = delivery({
    ledger,
    clock: { now: () => 0, sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 1)) },
    namespace: NAMESPACE,
    log: () => undefined,
    run: async () => ({}),
  });
  const intent = anIntent(async ({ body }) => {
    put.push(JSON.parse(String(body)));
    return ok({ event_id: "$edit" });
  });
  return { delivers, ledger, queued, put, intent };
}
const giveWay = async () => undefined;
const contents = (rows: readonly OutboxRow[]): Promise<JsonObject[]> =>
  Promise.all(rows.map(({ utterance }) => contentOf(utterance, giveWay)));
const rowsOf = async (markdown: string, draft?: EventId, kind: "reply" | "notice" = "reply") =>
  contents(await world().delivers.rows(turn, textReply(kind, markdown), draft));
const mentioned = async (markdown: string) => (await rowsOf(markdown)).map((content) => content["m.mentions"]);

describe("an answer", () => {
  test.for<[markdown: string, ids: string[]]>([
    ["ask @alice:hs.test, or @bob:hs.test:8448.", ["@alice:hs.test", "@bob:hs.test:8448"]],
    ["**@alice:hs.test** and again @alice:hs.test", ["@alice:hs.test"]],
    ["I am @agent_echo:hs.test, and you are @alice:hs.test", ["@alice:hs.test"]],
  ])("mentions the users it names: %s", async ([markdown, ids]) =>
    expect(await mentioned(markdown)).toEqual([{ user_ids: ids }]),
  );

  test.for([
    "alice, @alice, Alice:",
    "@room look!",
    "`@alice:hs.test`",
    "```\n@alice:hs.test\n```",
    "mail me@example.org",
    "I am @agent_echo:hs.test",
  ])("mentions no user: %s", async (markdown) => expect(await mentioned(markdown)).toEqual([{}]));

  test.for<[what: string, markdown: string]>([
    ["in the definition of a link, which is not shown", "[//]: # (@alice:hs.test)"],
    ["in the title of a link", 'see [this](https://x.test "@alice:hs.test")'],
    ["in the address of a link", "see [this](https://x.test/@alice:hs.test)"],
    ["as the text of another user's link", "[@alice:hs.test](https://matrix.to/#/@evil:hs.test)"],
    ["as the text of another link", "[@alice:hs.test](https://x.test)"],
    ["under another name", "[Bob](https://matrix.to/#/@alice:hs.test)"],
  ])("mentions nobody %s", async ([, markdown]) => expect(await mentioned(markdown)).toEqual([{}]));

  test.for<[what: string, markdown: string]>([
    ["whose link has their id as its text", "[@alice:hs.test](https://matrix.to/#/@alice:hs.test)"],
    ["in a text that is shown as it is", `${"_a_b ".repeat(600)}@alice:hs.test`],
    ["in strong letters", "**@alice:hs.test**"],
  ])("mentions a user %s", async ([, markdown]) =>
    expect(await mentioned(markdown)).toEqual([{ user_ids: ["@alice:hs.test"] }]),
  );

  test("mentions ten users at most", async () => {
    const all = Array.from({ length: 30 }, (_, n) => `@user${n}:hs.test`);
    expect(await mentioned(all.join(" "))).toEqual([{ user_ids: all.slice(0, 10) }]);
  });

  test("mentions a user once, however many parts it has", () => {
    const parts = ["@alice:hs.test", "@alice:hs.test @bob:hs.test @agent_echo:hs.test"];
    const self = UserId.parse("@agent_echo:hs.test");
    expect(parts.map(mentionsOnce(self))).toEqual([["@alice:hs.test"], ["@bob:hs.test"]]);
  });

  test.for(["cut in an emoji \ud83d", "\ude00 begun in one"])(
    "that has half a surrogate pair is sent without it: %j",
    async (text) => {
      for (const [content] of [await rowsOf(text), await rowsOf(text, DRAFT)]) {
        expect(JSON.stringify(content)).not.toMatch(/\\ud[89a-f]/i);
        expect(content?.["body"]).toContain("\ufffd");
      }
    },
  );

  test("that is a notice of ours mentions no user", async () => {
    expect((await rowsOf("ask @alice:hs.test", undefined, "notice"))[0]?.["m.mentions"]).toEqual({});
  });

  test("that ends a draft mentions users outside and inside of the edit, where we read them too", async () => {
    const [edit] = await rowsOf("ask @alice:hs.test", DRAFT);
    const expected = { user_ids: ["@alice:hs.test"] };
    expect(edit).toMatchObject({ "m.mentions": expected, "m.new_content": { "m.mentions": expected } });
    const content = edit as RoomEvent["content"];
    expect(readMessage(anEvent({ content })).addressed.users).toEqual(["@alice:hs.test"]);
  });
});

test("a draft whose turn another runner has taken is edited no more", async () => {
  const { delivers, ledger, put, intent } = world();
  const draft = delivers.draft(turn, running.lease, intent);
  draft.show(() => "half");
  await new Promise((resolve) => setTimeout(resolve, 20));
  ledger.storeShown = async () => false;
  draft.show(() => "half of it");
  await new Promise((resolve) => setTimeout(resolve, 20));
  await draft.close();
  expect(put).toEqual([]);
});

test("a draft mentions no user, at its beginning and while it grows", async () => {
  const { delivers, queued, put, intent } = world();
  const draft = delivers.draft(turn, running.lease, intent);
  draft.show(() => "  ");
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(queued).toEqual([]);
  draft.show(() => "ask @alice:hs.test");
  await new Promise((resolve) => setTimeout(resolve, 20));
  draft.show(() => "ask @alice:hs.test about it");
  await new Promise((resolve) => setTimeout(resolve, 20));
  draft.show(() => "");
  await draft.close();
  expect((await contents(queued)).map((content) => content["m.mentions"])).toEqual([{}]);
  expect(put).toHaveLength(1);
  expect(put[0]).toMatchObject({ "m.mentions": {}, "m.new_content": { "m.mentions": {} } });
});

describe("our mark", () => {
  test("counts the steps from agent to agent", async () =>
    expect((await rowsOf("hello"))[0]?.[CONTENT_KEY]).toMatchObject({ agent: "echo", hop: 2, kind: "reply" }));
});

describe("a sentence of ours", () => {
  const { delivers } = world();
  test("is said by an agent", () => {
    const row = delivers.notice({ agent: ECHO, roomId: ROOM, cause: "c" }, "hello");
    expect(row).toMatchObject({ agent: "echo", userId: "@agent_echo:hs.test", lane: "out:@agent_echo:hs.test|!room" });
  });
  test("is said by the bot", async () => {
    const row = delivers.notice({ agent: BOT, roomId: ROOM, cause: "c" }, "hello");
    expect(row).toMatchObject({ agent: BOT, userId: "@troupe:hs.test", lane: "out:@troupe:hs.test|!room" });
    expect(await contentOf(row.utterance, giveWay)).toMatchObject({
      msgtype: "m.notice",
      [CONTENT_KEY]: { agent: "", kind: "notice" },
    });
  });
});

describe("a user id in the text", () => {
  const pill = (id: string) => `<a href="https://matrix.to/#/${id}">${id}</a>`;
  test.for<[markdown: string, html: string | undefined]>([
    ["ask @alice:hs.test.", `<p>ask ${pill("@alice:hs.test")}.</p>`],
    ["*@a_b_c:hs.test*", `<p><em>${pill("@a_b_c:hs.test")}</em></p>`],
    ["`@alice:hs.test`", "<p><code>@alice:hs.test</code></p>"],
    ["[@alice:hs.test](https://x.test)", '<p><a href="https://x.test">@alice:hs.test</a></p>'],
    ["foo@alice:hs.test", undefined],
    ["@room and @alice", undefined],
  ])("%s", async ([markdown, html]) => expect(await toHtml(markdown, giveWay)).toBe(html));
  test("means the same user when the link is read", async () => {
    const formatted_body = (await toHtml("@a/b:hs.test", giveWay)) ?? "";
    const content = { msgtype: "m.text", body: "x", format: "org.matrix.custom.html", formatted_body };
    expect(readMessage(anEvent({ content })).addressed.users).toEqual([UserId.parse("@a/b:hs.test")]);
  });
});
