import { describe, expect, test } from "vitest";
import { CONTENT_KEY } from "#core/message/mark.ts";
import { addressedIn } from "#core/message/mention.ts";
import { readMessage } from "#core/message/message.ts";
import type { JsonObject, RoomEvent } from "#core/protocol/event.ts";
import { BOT, EventId, UserId } from "#core/protocol/ids.ts";
import type { Turn } from "#core/turn/turn.ts";
import type { OutboxRow } from "#ports/delivery.ts";
import type { Intent } from "#ports/homeserver.ts";
import type { Running } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import { anEvent } from "#testing/events.ts";
import { aTurn, ECHO, NAMESPACE, ROOM } from "#testing/ledger-rows.ts";
import { delivery } from "./delivery.ts";
import { toHtml } from "./markdown.ts";
import { mentionsOf } from "./mentions.ts";

const turn: Turn = { ...aTurn(), ...{ hop: 2, seq: 1, state: "answered", attempt: 1, failures: 0 } };
const DRAFT = EventId.parse("$draft");
const running: Running = {
  lease: { lane: "session:mx.echo.1", fence: 1 },
  lost: new AbortController().signal,
  rung: () => new Promise(() => undefined),
};
/** A draft's world: time passes at once, and what is frozen is sent. */
function world() {
  const frozen: OutboxRow[] = [];
  const put: JsonObject[] = [];
  const ledger = {
    freeze: async (_lease: unknown, rows: readonly OutboxRow[]) => frozen.push(...rows) > 0,
    outboxRow: async () => (frozen.length > 0 ? { state: "sent", eventId: DRAFT } : undefined),
    showing: async () => true,
  } as unknown as Ledger;
  const clock = { now: () => 0, sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 1)) };
  const delivers = delivery({
    ledger,
    clock,
    namespace: NAMESPACE,
    log: () => undefined,
    run: async () => ({ idle: true }),
  });
  const intent = {
    put: async (_path: string, body: string) => {
      put.push(JSON.parse(body));
      return { ok: true, value: { event_id: "$edit" } };
    },
  } as unknown as Intent;
  return { delivers, frozen, put, intent };
}
const bodies = (rows: readonly { body: string }[]): JsonObject[] => rows.map(({ body }) => JSON.parse(body));
const rowsOf = (markdown: string, draft?: EventId, kind: "reply" | "notice" = "reply") =>
  bodies(world().delivers.rows(turn, { kind, markdown }, draft));
const mentioned = (markdown: string) => rowsOf(markdown).map((content) => content["m.mentions"]);

describe("whom an answer mentions", () => {
  test.for<[markdown: string, ids: string[]]>([
    ["ask @alice:hs.test, or @bob:hs.test:8448.", ["@alice:hs.test", "@bob:hs.test:8448"]],
    ["**@alice:hs.test** and again @alice:hs.test", ["@alice:hs.test"]],
    ["I am @agent_echo:hs.test, and you are @alice:hs.test", ["@alice:hs.test"]],
  ])("%s", ([markdown, ids]) => expect(mentioned(markdown)).toEqual([{ user_ids: ids }]));

  test.for([
    "alice, @alice, Alice:",
    "@room look!",
    "`@alice:hs.test`",
    "```\n@alice:hs.test\n```",
    "mail me@example.org",
    "I am @agent_echo:hs.test",
  ])("nobody: %s", (markdown) => expect(mentioned(markdown)).toEqual([{}]));

  test("is ten people at most", () => {
    const all = Array.from({ length: 30 }, (_, n) => `@user${n}:hs.test`);
    expect(mentioned(all.join(" "))).toEqual([{ user_ids: all.slice(0, 10) }]);
  });

  test("is nobody twice, however many parts there are", () => {
    const parts = ["@alice:hs.test", "@alice:hs.test @bob:hs.test @agent_echo:hs.test"];
    const self = UserId.parse("@agent_echo:hs.test");
    expect(mentionsOf(parts, self)).toEqual([["@alice:hs.test"], ["@bob:hs.test"]]);
  });

  test("is nobody when it is we who speak", () => {
    expect(rowsOf("ask @alice:hs.test", undefined, "notice")[0]?.["m.mentions"]).toEqual({});
  });

  test("stands outside and inside of a draft's last edit, where we read it too", () => {
    const [edit] = rowsOf("ask @alice:hs.test", DRAFT);
    const expected = { user_ids: ["@alice:hs.test"] };
    expect(edit).toMatchObject({ "m.mentions": expected, "m.new_content": { "m.mentions": expected } });
    const content = edit as RoomEvent["content"];
    expect(readMessage(anEvent({ content })).addressed.users).toEqual(["@alice:hs.test"]);
  });
});

test("a draft mentions nobody, at its beginning and while it grows", async () => {
  const { delivers, frozen, put, intent } = world();
  const draft = delivers.draft(turn, running, intent);
  draft.show("  ");
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(frozen).toEqual([]);
  draft.show("ask @alice:hs.test");
  await new Promise((resolve) => setTimeout(resolve, 20));
  draft.show("ask @alice:hs.test about it");
  await new Promise((resolve) => setTimeout(resolve, 20));
  draft.show("");
  await draft.close();
  expect(bodies(frozen).map((content) => content["m.mentions"])).toEqual([{}]);
  expect(put).toHaveLength(1);
  expect(put[0]).toMatchObject({ "m.mentions": {}, "m.new_content": { "m.mentions": {} } });
});

describe("our mark", () => {
  test("counts the steps from agent to agent", () =>
    expect(rowsOf("hello")[0]?.[CONTENT_KEY]).toMatchObject({ agent: "echo", hop: 2, kind: "reply" }));
});

describe("a sentence of ours", () => {
  const { delivers } = world();
  test("is said by an agent", () => {
    const row = delivers.notice({ agent: ECHO, roomId: ROOM, cause: "c" }, "hello");
    expect(row).toMatchObject({ agent: "echo", userId: "@agent_echo:hs.test", lane: "out:@agent_echo:hs.test|!room" });
  });
  test("is said by the bot", () => {
    const row = delivers.notice({ agent: BOT, roomId: ROOM, cause: "c" }, "hello");
    expect(row).toMatchObject({ agent: "", userId: "@troupe:hs.test", lane: "out:@troupe:hs.test|!room" });
    expect(JSON.parse(row.body)).toMatchObject({ msgtype: "m.notice", [CONTENT_KEY]: { agent: "", kind: "notice" } });
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
  ])("%s", ([markdown, html]) => expect(toHtml(markdown)).toBe(html));
  test("means the same user to whoever reads the link", () => {
    const formatted_body = toHtml("@a/b:hs.test") ?? "";
    const content = { msgtype: "m.text", body: "x", format: "org.matrix.custom.html", formatted_body };
    expect(addressedIn(content).users).toEqual([UserId.parse("@a/b:hs.test")]);
  });
});
