/** The whole way, on a real ledger and a homeserver in memory: a transaction comes in, an answer goes out. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AgentSpec } from "#core/configuration/agent.ts";
import { readEnvironment } from "#core/configuration/environment.ts";
import { CONTENT_KEY } from "#core/message/mark.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import { type FakeHomeserver, fakeHomeserver } from "#testing/homeserver.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { type App, compose } from "./app.ts";
import { systemClock } from "./clock.ts";
import { createLog } from "./observe/log.ts";

const ROOM = RoomId.parse("!room");
const environment = readEnvironment({
  HOMESERVER_URL: "http://hs.test",
  SERVER_NAME: "hs.test",
  AS_TOKEN: "as-token-of-the-tests",
  HS_TOKEN: "hs-token-of-the-tests",
  ADMIN_TOKEN: "admin-token-of-the-tests",
});
if (!environment.ok) throw new Error(environment.error);
const settings = environment.value;
const AGENTS = ["echo", "guide"].map((id) =>
  AgentSpec.parse({ id, name: id.toUpperCase(), backend: { use: id === "echo" ? "echo" : "scripted" } }),
);

let ledger: Ledger;
let close: () => void;
let server: FakeHomeserver;
let app: App;
let lines: string[];

function start(runner: string): App {
  return compose({
    environment: settings,
    ledger,
    clock: systemClock,
    fetch: server.fetch,
    log: createLog(({ event, fields }) => void lines.push(`${event} ${JSON.stringify(fields)}`), [settings.AS_TOKEN]),
    env: () => undefined,
    turnMsMax: 60_000,
    metrics: "json",
    runner,
    doorbell: (pump) => ({
      ring: async (lanes) => {
        for (const lane of lanes) if (!pump.nudge(lane)) void pump.run(lane);
      },
    }),
  });
}

beforeEach(async () => {
  ({ ledger, close } = await temporaryLedger());
  server = fakeHomeserver(settings.AS_TOKEN);
  lines = [];
  app = start("first");
  await app.applyAgents(AGENTS);
});
afterEach(() => close());

let transactionId = 0;
const push = (events: unknown[], id = String(++transactionId)) =>
  app.http.request(`/_matrix/app/v1/transactions/${id}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${settings.HS_TOKEN}` },
    body: JSON.stringify({ events }),
  });
const joined = (...users: string[]) =>
  ledger.setMembers(
    ROOM,
    users.map((userId) => ({
      ...{ userId: UserId.parse(userId), membership: "join" as const },
      direct: users.length === 2,
    })),
  );
const bodies = () => server.sent.map(({ content }) => content["body"]);
const settled = async () => expect(await ledger.dueLanes(Date.now() + 600_000, 10)).toEqual([]);

describe("a message", () => {
  test("in a room of two is answered by the agent that is there", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    expect(await (await push([aMessage("hello")])).json()).toEqual({});
    await vi.waitFor(() => expect(bodies()).toEqual(["echo hello"]));
    const [sent] = server.sent;
    expect(sent).toMatchObject({ userId: "@agent_echo:hs.test", deviceId: "TROUPE" });
    expect(sent?.content[CONTENT_KEY]).toMatchObject({ agent: "echo", part: 0, parts: 1, hop: 0, kind: "reply" });
    await vi.waitFor(settled);
  });

  test("pushed five times at once is answered once", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    const event = aMessage("once");
    const answers = await Promise.all(Array.from({ length: 5 }, () => push([event], "77")));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    await vi.waitFor(() => expect(bodies()).toEqual(["echo once"]));
    await vi.waitFor(settled);
    expect(bodies()).toEqual(["echo once"]);
  });

  test("under a transaction id that was used before is answered too", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    await push([aMessage("one")], "1");
    await vi.waitFor(() => expect(bodies()).toEqual(["echo one"]));
    await push([aMessage("two")], "1");
    await vi.waitFor(() => expect(bodies()).toEqual(["echo one", "echo two"]));
  });

  test("wakes only the agents it mentions where there are several", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test", "@agent_guide:hs.test");
    await push([
      aMessage("nobody"),
      aMessage("you", { content: { "m.mentions": { user_ids: ["@agent_echo:hs.test"] } } }),
    ]);
    await vi.waitFor(() => expect(bodies()).toEqual(["echo you"]));
    await vi.waitFor(settled);
    expect(await ledger.verdicts()).toEqual({ not_addressed: 1, wake_mention: 1 });
  });

  test("by a ghost of ours, by the bot or from another server wakes no agent", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    const senders = [
      "@agent_echo:hs.test",
      "@agent_nobody:hs.test",
      "@troupe:hs.test",
      "@eve:evil.test",
      "@agent_echo:evil.test",
    ];
    await push(senders.map((sender) => aMessage("x", { sender })));
    await vi.waitFor(async () => expect(await ledger.verdicts()).toEqual({ own_event: 3, not_permitted: 2 }));
    expect(server.sent).toEqual([]);
  });

  test("is answered in order among twenty of one session", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    const texts = Array.from({ length: 20 }, (_, n) => `message ${n}`);
    await push(texts.map((text) => aMessage(text)));
    await vi.waitFor(() => expect(bodies()).toEqual(texts.map((text) => `echo ${text}`)), { timeout: 10_000 });
  });
});

describe("a mangled event", () => {
  test("is kept as a dead letter, and its neighbours are answered", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    const mangled = { ...aMessage("lost"), sender: 17 };
    expect((await push([aMessage("before"), mangled, aMessage("after")])).status).toBe(200);
    await vi.waitFor(() => expect(bodies()).toEqual(["echo before", "echo after"]));
    const shown = await app.http.request("/admin/dead-letters", {
      headers: { authorization: `Bearer ${settings.ADMIN_TOKEN}` },
    });
    expect(await shown.json()).toMatchObject({
      deadLetters: [{ kind: "event", reason: expect.stringContaining("sender") }],
    });
  });
});

describe("an invitation", () => {
  const invite = (over = {}) =>
    aMembership("@agent_echo:hs.test", "invite", { content: { membership: "invite", is_direct: true }, ...over });

  test("is accepted, and messages from before the join are answered first, in order", async () => {
    const invitation = invite();
    const early = [aMessage("one"), aMessage("two")];
    const late = aMessage("three");
    server.members.set(ROOM, ["@alice:hs.test", "@agent_echo:hs.test"]);
    server.history.set(
      ROOM,
      [...early, anEvent({ type: "m.room.create", state_key: "" })].toReversed().concat(invitation),
    );
    server.history.get(ROOM)?.sort((a, b) => order(b) - order(a));
    await push([invitation, late]);
    await vi.waitFor(() => expect(bodies()).toEqual(["echo one", "echo two", "echo three"]));
  });
  const order = (event: unknown) => Number((event as RoomEvent).event_id.slice("$event".length));

  test.for([
    ["from another server", { sender: "@eve:evil.test" }, "not_invited_by_user"],
    ["of an agent that does not exist", { state_key: "@agent_nobody:hs.test" }, "unknown_agent"],
    ["of another user", { state_key: "@bob:hs.test" }, "membership"],
  ] as const)("%s is not accepted", async ([, over, reason]) => {
    await push([invite(over)]);
    await vi.waitFor(async () => expect(await ledger.verdicts()).toEqual({ [reason]: 1 }));
    expect(server.requests.filter((request) => request.includes("/join"))).toEqual([]);
  });
});

describe("a homeserver that fails", () => {
  test("gets the same request again, and shows the message once", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    server.loseAnswers = 1;
    await push([aMessage("hello")]);
    await vi.waitFor(async () => expect(lines.some((line) => line.startsWith("send_retried"))).toBe(true));
    await vi.waitFor(
      async () => {
        await app.sweep();
        await settled();
      },
      { timeout: 10_000, interval: 200 },
    );
    const sends = server.requests.filter((request) => request.includes("/send/"));
    expect(new Set(sends).size).toBe(1);
    expect(sends.length).toBeGreaterThan(1);
    expect(bodies()).toEqual(["echo hello"]);
  });

  test("that refuses a message blocks no later message", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    server.refusals.push(Response.json({ errcode: "M_FORBIDDEN", error: "muted" }, { status: 403 }));
    await push([aMessage("one"), aMessage("two")]);
    await vi.waitFor(() => expect(bodies()).toEqual(["echo two"]));
    expect(await ledger.deadLetters(10)).toMatchObject([{ kind: "outbox", reason: expect.stringContaining("muted") }]);
  });
});

describe("a streamed answer", () => {
  test("is one message that is edited, and its last edit is complete", async () => {
    await joined("@alice:hs.test", "@agent_guide:hs.test");
    await push([aMessage("stream 3")]);
    await vi.waitFor(
      async () => {
        expect(server.sent.length).toBeGreaterThan(1);
        await settled();
      },
      { timeout: 10_000 },
    );
    const [first, ...edits] = server.sent;
    const last = edits.at(-1)?.content["m.new_content"] as Record<string, unknown>;
    expect(edits.map(({ content }) => (content["m.relates_to"] as { event_id: string }).event_id)).toEqual(
      edits.map(() => first?.eventId),
    );
    expect(String(last["body"])).toMatch(/^1\. A troupe.*3\. The second evening/s);
    expect(last[CONTENT_KEY]).toMatchObject({ kind: "reply", part: 0, parts: 1 });
    expect(first?.content[CONTENT_KEY]).toMatchObject({ kind: "draft" });
  });

  test("is cut short by !stop, and says so", async () => {
    await joined("@alice:hs.test", "@agent_guide:hs.test");
    await push([aMessage("stream 500")]);
    await vi.waitFor(() => expect(server.sent.length).toBe(1), { timeout: 5_000 });
    await push([aMessage("!stop")]);
    await vi.waitFor(settled, { timeout: 5_000 });
    expect(String(server.sent.at(-1)?.content["body"])).toMatch(/\*\(Stopped\.\)\*$/);
  });

  test("that fails leaves a sentence in the room and the reason in the log", async () => {
    await joined("@alice:hs.test", "@agent_guide:hs.test");
    await push([aMessage("error")]);
    await vi.waitFor(() => expect(server.sent.length).toBe(1));
    expect(server.sent[0]?.content).toMatchObject({
      msgtype: "m.notice",
      body: expect.stringMatching(/^Something went wrong/),
    });
    expect(lines.filter((line) => line.startsWith("turn_failed"))).toEqual([expect.stringContaining("asked to fail")]);
  });
});

describe("a runner that takes over", () => {
  test("delivers a stored answer without asking the backend again", async () => {
    await joined("@alice:hs.test", "@agent_echo:hs.test");
    server.refusals.push(...Array.from({ length: 3 }, () => "unreachable" as const));
    await push([aMessage("hello")]);
    await vi.waitFor(() => expect(lines.some((line) => line.startsWith("turn_answered"))).toBe(true));
    server.refusals.length = 0;
    await ledger.voidLeases();
    app = start("second");
    lines.length = 0;
    await vi.waitFor(
      async () => {
        await app.sweep();
        expect(bodies()).toEqual(["echo hello"]);
        await settled();
      },
      { timeout: 15_000, interval: 200 },
    );
    expect(lines.filter((line) => line.startsWith("turn_started"))).toEqual([]);
  });
});
