/** Conversations from a user's view, on a real homeserver. The same suite for both hosts and each homeserver. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { LLMock } from "@copilotkit/aimock";
import { createClient, Preset, RoomEvent } from "matrix-js-sdk";
import type { Logger } from "matrix-js-sdk/lib/logger.js";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { closeFence } from "#core/turn/parts.ts";
import { eventually, type Seen } from "./client.ts";
import type { HomeserverKind } from "./homeserver.ts";
import type { HostKind } from "./hosts.ts";
import { openWorld, SERVER_NAME, type World } from "./world.ts";

const ghost = (agent: string) => `@agent_${agent}:${SERVER_NAME}`;
const MODEL_KEY = "sk-the-key-that-nobody-may-see";

const nothing = () => undefined;
/** The SDK logs every step by default. */
const QUIET: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  getChild: () => QUIET,
};

type Content = Record<string, unknown>;
/** The messages as a client shows them: each original with its last edit applied. */
function shown(events: Seen[]): string[] {
  const relation = ({ content }: Seen) =>
    content["m.relates_to"] as { rel_type?: string; event_id?: string } | undefined;
  return events
    .filter((event) => relation(event)?.rel_type !== "m.replace")
    .map((original) => {
      const edits = events.filter((event) => relation(event)?.event_id === original.event_id && event !== original);
      const last = (edits.at(-1)?.content["m.new_content"] as Content | undefined) ?? original.content;
      return String(last["body"]);
    });
}

export function conversationSuite(kind: HostKind, homeserver: HomeserverKind = "synapse"): void {
  describe(`a conversation on ${kind} with ${homeserver}`, () => {
    let world: World;
    let model: LLMock;

    beforeAll(async () => {
      model = new LLMock({ port: 0, logLevel: "silent" });
      await model.start();
      world = await openWorld(
        kind,
        [
          { id: "echo", name: "Echo", backend: { use: "echo" } },
          { id: "guide", name: "Guide", backend: { use: "scripted" } },
          {
            id: "model",
            name: "Model",
            backend: { use: "openai", baseUrl: `${model.url}/v1`, apiKey: "$MODEL_API_KEY", model: "m" },
          },
        ],
        { MODEL_API_KEY: MODEL_KEY },
        homeserver,
      );
    });
    afterAll(async () => {
      await world?.close();
      await model?.stop();
    });

    const failing = () =>
      onTestFailed(() => {
        process.stdout.write(`${world.host.log().split("\n").slice(-40).join("\n")}\n`);
      });
    const told = async (room: string, agent: string) => shown(await world.alice.by(room, ghost(agent)));
    const direct = (agent: string) => world.alice.createRoom([ghost(agent)], { is_direct: true });

    test("messages sent right after the invitation are answered once and in order", async () => {
      failing();
      const room = await direct("echo");
      await world.alice.say(room, "one");
      await world.alice.say(room, "two");
      await eventually(async () => expect(await told(room, "echo")).toEqual(["echo one", "echo two"]));
      await world.alice.say(room, "three");
      await eventually(async () => expect(await told(room, "echo")).toEqual(["echo one", "echo two", "echo three"]));
      const profile = await world.alice.call("GET", `/profile/${encodeURIComponent(ghost("echo"))}/displayname`);
      expect(profile).toEqual({ displayname: "Echo" });
    });

    test("a standard client receives the answers", async () => {
      failing();
      const baseUrl = world.settings.homeserver;
      const { access_token, user_id, device_id } = await createClient({ baseUrl, logger: QUIET }).loginRequest({
        type: "m.login.password",
        identifier: { type: "m.id.user", user: "bob" },
        password: "password",
      });
      const account = { accessToken: access_token, userId: user_id, deviceId: device_id };
      const client = createClient({ baseUrl, logger: QUIET, ...account });
      const heard: string[] = [];
      client.on(RoomEvent.Timeline, (event) => {
        if (event.getSender() === ghost("echo")) heard.push(String(event.getContent()["body"] ?? ""));
      });
      await client.startClient({ initialSyncLimit: 0 });
      const { room_id } = await client.createRoom({
        invite: [ghost("echo")],
        is_direct: true,
        preset: Preset.PrivateChat,
      });
      await client.sendTextMessage(room_id, "from a standard client");
      await eventually(() => expect(heard).toContain("echo from a standard client"));
      client.stopClient();
    });

    test("in a room with several agents only the mentioned one answers", async () => {
      failing();
      const room = await world.alice.createRoom([ghost("echo"), ghost("guide")]);
      const joined = async () => {
        const members = await world.alice.call("GET", `/rooms/${encodeURIComponent(room)}/joined_members`);
        expect(Object.keys(members["joined"] as object)).toHaveLength(3);
      };
      await eventually(joined);
      await world.alice.say(room, "nobody");
      await world.alice.say(room, "you", { "m.mentions": { user_ids: [ghost("echo")] } });
      await eventually(async () => expect(await told(room, "echo")).toEqual(["echo you"]));
      const thread = await world.alice.say(room, "in a thread", {
        "m.mentions": { user_ids: [ghost("echo")] },
        "m.relates_to": { rel_type: "m.thread", event_id: await world.alice.say(room, "root") },
      });
      expect(thread).toMatch(/^\$/);
      await eventually(async () => expect(await told(room, "echo")).toEqual(["echo you", "echo in a thread"]));
      const [, inThread] = await world.alice.by(room, ghost("echo"));
      expect(inThread?.content["m.relates_to"]).toMatchObject({ rel_type: "m.thread" });
      expect(await told(room, "guide")).toEqual([]);
    });

    test("a streamed answer is one message, edited at most forty times, and complete at the end", async () => {
      failing();
      const room = await direct("guide");
      await world.alice.say(room, "stream 12");
      await eventually(async () => expect((await told(room, "guide")).join()).toMatch(/^1\. A troupe.*12\. /s), 40_000);
      const events = await world.alice.by(room, ghost("guide"));
      const [first, ...edits] = events;
      expect(edits.length).toBeGreaterThan(1);
      expect(edits.length).toBeLessThanOrEqual(40);
      expect(edits.every(({ content }) => (content["m.relates_to"] as Content)["event_id"] === first?.event_id)).toBe(
        true,
      );
      const times = edits.slice(0, -1).map((event) => event.origin_server_ts);
      // The edits are at least one second apart; the timestamps are of another process, so some tolerance is allowed.
      expect(times.slice(1).filter((time, n) => time - (times[n] ?? 0) < 900)).toEqual([]);
    });

    test("a long answer arrives completely and in order, and no part ends inside a code fence", async () => {
      failing();
      const room = await direct("guide");
      await world.alice.say(room, "long 200");
      const parts = await eventually(async () => {
        const all = await told(room, "guide");
        expect(all.at(-1)).toMatch(/The end, after \d+ chapters\.$/);
        return all;
      }, 40_000);
      expect(parts.length).toBeGreaterThan(5);
      expect(parts.filter((part) => closeFence(part) !== part)).toEqual([]);
      const chapters = [...parts.join("\n").matchAll(/^## Chapter (\d+)$/gm)].map((match) => Number(match[1]));
      expect(chapters).toEqual(chapters.map((_, index) => index + 1));
    });

    test("a working agent is shown as typing, and a failing one sends one sentence", async () => {
      failing();
      const room = await direct("guide");
      const since = await world.alice.now();
      await world.alice.say(room, "slow 3");
      expect(await world.alice.typing(room, since)).toEqual([ghost("guide")]);
      await eventually(async () =>
        expect(await told(room, "guide")).toEqual([expect.stringMatching(/^That took a while/)]),
      );
      await world.alice.say(room, "error");
      await eventually(async () => expect(await told(room, "guide")).toHaveLength(2));
      expect((await told(room, "guide"))[1]).toBe("Something went wrong while I worked on this. Please try again.");
      await eventually(() => expect(world.host.log()).toContain("the script was asked to fail"));
    });

    test("!stop ends a running answer", async () => {
      failing();
      const room = await direct("guide");
      await world.alice.say(room, "stream 400");
      await eventually(async () => expect(await told(room, "guide")).toHaveLength(1));
      await world.alice.say(room, "!stop");
      await eventually(async () => expect((await told(room, "guide"))[0]).toMatch(/\*\(Stopped\.\)\*$/), 10_000);
    });

    test("a reaction with 🛑 to the question or the answer ends it too", async () => {
      failing();
      const room = await direct("guide");
      const react = (eventId: string) =>
        world.alice.call("PUT", `/rooms/${encodeURIComponent(room)}/send/m.reaction/${randomUUID()}`, {
          "m.relates_to": { rel_type: "m.annotation", event_id: eventId, key: "🛑" },
        });
      const stopped = (count: number) =>
        eventually(async () => {
          const said = await told(room, "guide");
          expect([said.length, said.at(-1)]).toEqual([count, expect.stringMatching(/\*\(Stopped\.\)\*$/)]);
        }, 10_000);
      const question = await world.alice.say(room, "slow 60");
      await sleep(1_500);
      await react(question);
      await stopped(1);
      await world.alice.say(room, "stream 400");
      await eventually(async () => expect(await told(room, "guide")).toHaveLength(2));
      const isEdit = ({ content }: Seen) => content["m.new_content"] !== undefined;
      const messages = (await world.alice.by(room, ghost("guide"))).filter((event) => !isEdit(event));
      await react(messages.at(-1)?.event_id ?? "");
      await stopped(2);
    });

    test("a model answers with the history of the conversation, and its API key never appears in the log", async () => {
      failing();
      model.reset();
      model.onMessage("first", { content: "The **first** answer." });
      model.onMessage("second", { error: { message: "slow down", type: "rate_limit" }, status: 429 });
      const room = await direct("model");
      await world.alice.say(room, "first");
      await eventually(async () => expect(await told(room, "model")).toEqual(["The **first** answer."]));
      const [answer] = await world.alice.by(room, ghost("model"));
      expect(answer?.content["formatted_body"]).toContain("<strong>first</strong>");
      await world.alice.say(room, "second");
      await eventually(() => expect(world.host.log()).toMatch(/turn_failed.*rate_limit|rate_limit.*turn_failed/s));
      model.reset();
      model.onMessage("second", { content: "The second answer." });
      await eventually(async () =>
        expect(await told(room, "model")).toEqual(["The **first** answer.", "The second answer."]),
      );
      const asked = model.getRequests().at(-1);
      const body = asked?.body as { messages: Array<{ role: string; content: unknown }> };
      expect(body.messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
      expect(JSON.stringify(body.messages)).toContain("The **first** answer.");
      expect(world.host.log()).not.toContain(MODEL_KEY);
    });

    test("a transaction pushed five times at once is answered once, and transaction ids that start again lose no event", async () => {
      failing();
      const room = await direct("echo");
      await world.alice.say(room, "hello");
      await eventually(async () => expect(await told(room, "echo")).toEqual(["echo hello"]));
      const event = (id: string, body: unknown, sender = world.alice.userId) => ({
        event_id: id,
        room_id: room,
        type: "m.room.message",
        sender,
        content: { msgtype: "m.text", body },
        unsigned: { age: 1 },
      });
      const five = await Promise.all(Array.from({ length: 5 }, () => world.push("7777", [event("$five", "five")])));
      expect(five.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      await eventually(async () => expect(await told(room, "echo")).toContain("echo five"));
      const mangled = { ...event("$mangled", "x"), content: "no object" };
      const strangers = [event("$eve", "x", "@eve:evil.example"), event("$own", "x", ghost("guide"))];
      await world.push("1", [event("$before", "before"), mangled, ...strangers, event("$after", "after")]);
      await eventually(async () =>
        expect((await told(room, "echo")).slice(1)).toEqual(["echo five", "echo before", "echo after"]),
      );
      const letters = (await (await world.admin("dead-letters")).json()) as { deadLetters: Array<{ raw: string }> };
      expect(letters.deadLetters.some(({ raw }) => raw.includes("$mangled"))).toBe(true);
    });

    test("requests without the homeserver's token are rejected", async () => {
      const url = `${world.host.url}/_matrix/app/v1`;
      const status = async (path: string, method: string, token?: string) => {
        const answer = await fetch(`${url}${path}`, {
          method,
          headers: token ? { authorization: `Bearer ${token}` } : {},
        });
        return `${answer.status} ${((await answer.json()) as { errcode?: string }).errcode ?? ""}`.trim();
      };
      const { hsToken } = world.settings;
      expect(await status("/transactions/1", "PUT")).toBe("401 M_UNAUTHORIZED");
      expect(await status("/transactions/1", "PUT", "wrong")).toBe("403 M_FORBIDDEN");
      expect(await status("/transactions/1", "PUT", hsToken)).toBe("400 M_NOT_JSON");
      expect(await status("/nothing", "GET", hsToken)).toBe("404 M_UNRECOGNIZED");
      expect(await status("/ping", "GET", hsToken)).toBe("405 M_UNRECOGNIZED");
      expect(await status("/ping", "POST", hsToken)).toBe("200");
      expect(await status(`/users/${encodeURIComponent(ghost("nobody"))}`, "GET", hsToken)).toBe("404 M_NOT_FOUND");
      expect(await status(`/users/${encodeURIComponent(ghost("echo"))}`, "GET", hsToken)).toBe("200");
    });

    test("a host that is killed in the middle of an answer completes that answer, and the conversation continues", async () => {
      failing();
      const room = await direct("guide");
      await world.alice.say(room, "stream 30");
      await eventually(async () => expect(await told(room, "guide")).toHaveLength(1));
      await world.restartHost();
      await eventually(async () => expect((await told(room, "guide")).join()).toMatch(/^1\. A troupe.*30\. /s), 50_000);
      expect(await told(room, "guide")).toHaveLength(1);
      await world.restartHomeserver();
      const echo = await direct("echo");
      await world.alice.say(echo, "after the restart");
      await eventually(async () => expect(await told(echo, "echo")).toEqual(["echo after the restart"]), 40_000);
    });
  });
}
