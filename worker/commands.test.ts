/** Commands from end to end: who may use them, and their results. */
import { describe, expect, test, vi } from "vitest";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import { RoomState } from "#core/protocol/room-state.ts";
import { composed } from "#testing/composed.ts";
import { aMessage } from "#testing/events.ts";
import { aSpec, ROOM, setRoomLayer } from "#testing/ledger-rows.ts";
import { ALICE, aBridge, BOB, ECHO, EVE, echo, GUIDE, soon } from "#testing/room.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { systemClock } from "./clock.ts";

const mention = (userId: string) => ({ content: { "m.mentions": { user_ids: [userId] } } });
const replyTo = (event_id: string) => ({ content: { "m.relates_to": { "m.in_reply_to": { event_id } } } });
const bridge = aBridge();

describe("a command", () => {
  test("!new begins another conversation", async () => {
    await bridge.begin(echo());
    const settle = vi.spyOn(bridge.world.ledger, "settleAndNext");
    await bridge.world.push(aMessage("one"));
    await bridge.answered(/^echo one$/);
    await bridge.world.push(aMessage("!new\ntwo"));
    await bridge.answered(/^A new conversation/);
    await bridge.answered(/^echo two$/);
    const turns = settle.mock.calls.flatMap(([, , settled]) => settled.turns);
    expect(new Set(turns.map(({ session }) => session)).size).toBe(2);
  });

  test("that is unknown stays chat", async () => {
    await bridge.begin(echo());
    await bridge.world.push(aMessage("!bang"));
    await bridge.answered(/^echo !bang$/);
  });

  test("among several agents is for the mentioned one; without a mention the sender is asked which one is meant", async () => {
    await bridge.begin({ ...echo(), guide: { backend: { use: "scripted" } } }, ALICE, ECHO, GUIDE);
    await bridge.world.push(aMessage("!new"));
    await bridge.answered(/mention the one you mean/);
    await bridge.world.push(aMessage("echo: !new", mention(ECHO)));
    await bridge.answered(/^A new conversation/);
    expect(bridge.world.server.sent.at(-1)?.userId).toBe(ECHO);
  });

  test("!mute silences the room and !unmute ends that, for permitted users", async () => {
    await bridge.begin(echo({ admins: [ALICE] }));
    await bridge.world.push(aMessage("!mute"));
    await bridge.answered(/^Muted/);
    await bridge.world.push(aMessage("hello"));
    await bridge.verdict("muted");
    await bridge.world.push(aMessage("!unmute", { sender: BOB }));
    await bridge.verdict("command_not_permitted");
    await bridge.world.push(aMessage("!unmute"));
    await bridge.answered(/^The agents answer in this room again/);
    await bridge.world.push(aMessage("hello again"));
    await bridge.answered(/^echo hello again$/);
  });

  test("!why explains a message, and none of another room", async () => {
    await bridge.begin(echo({ admins: [ALICE], users: [ALICE] }), ALICE, BOB, ECHO);
    const unheard = aMessage("hello", { sender: BOB, ...mention(ECHO) });
    await bridge.world.push(unheard);
    await bridge.verdict("not_permitted");
    await bridge.world.push(aMessage("!why", replyTo(unheard.event_id)));
    await bridge.answered(/not among the users echo may talk to/);
    await bridge.world.push(aMessage("!why", { room_id: "!elsewhere", ...replyTo(unheard.event_id) }));
    await bridge.world.push(aMessage("!why", replyTo("$of_nobody")));
    await bridge.answered(/do not know that message/);
  });

  test("that holds in all rooms is not permitted by the settings of one room", async () => {
    await bridge.begin(echo());
    await setRoomLayer(bridge.world.ledger, ROOM, { admins: [ALICE, "power:0"] });
    for (const word of [`!allow ${EVE}`, "!sethome", "!join !elsewhere", `!deny ${EVE}`])
      await bridge.world.push(aMessage(word));
    await vi.waitFor(async () => expect((await bridge.world.ledger.verdicts())["command_not_permitted"]).toBe(4), soon);
    expect(await bridge.world.ledger.grants()).toEqual([]);
    await bridge.world.push(aMessage("!model small"));
    await bridge.answered(/model from now on: small/);
  });

  test("that sends an agent to an unreachable room is answered, and blocks nothing", async () => {
    await bridge.begin(echo({ admins: [ALICE] }));
    bridge.world.server.refusedJoins = 502;
    await bridge.world.push(aMessage("!join !gone"), aMessage("hello"));
    await bridge.answered(/could not join/);
    await bridge.answered(/^echo hello$/);
  });

  test("!mute ends running turns in threads too", async () => {
    await bridge.begin({ guide: { backend: { use: "scripted" }, admins: [ALICE] } }, ALICE, GUIDE);
    const thread = { "m.relates_to": { rel_type: "m.thread", event_id: "$root" } };
    await bridge.world.push(aMessage("slow 60", { content: thread }));
    await vi.waitFor(async () => expect((await bridge.world.ledger.figures(0)).runningTurns).toBe(1), soon);
    await bridge.world.push(aMessage("!mute"));
    await bridge.answered(/^Muted/);
    await vi.waitFor(async () => expect((await bridge.world.ledger.figures(0)).openTurns).toBe(0), soon);
  });

  test("is obeyed thirty times a minute for one sender", async () => {
    await bridge.begin(echo());
    await bridge.world.push(...Array.from({ length: 33 }, () => aMessage("!status")));
    await vi.waitFor(async () => expect((await bridge.world.ledger.verdicts())["command_limit"]).toBe(3), soon);
  });

  test("!model with a value that is too long changes nothing, and the room goes on", async () => {
    await bridge.begin(echo({ admins: [ALICE] }));
    await bridge.world.push(aMessage(`!model ${"x".repeat(201)}`));
    await bridge.answered(/^Nothing was changed. model: /);
    expect(await bridge.world.ledger.roomLayer(ROOM)).toEqual({});
    await bridge.world.push(aMessage("hello"));
    await bridge.answered(/^echo hello$/);
  });

  test("!sethome in a room whose id has any character leaves the agent readable", async () => {
    await bridge.begin(echo({ admins: [ALICE] }));
    const odd = RoomId.parse("!line\u2028and\nline:evil.test");
    const members = [ALICE, ECHO].map((id) => ({
      userId: UserId.parse(id),
      membership: "join" as const,
      direct: true,
    }));
    await bridge.world.ledger.setMembers(odd, members);
    await bridge.world.push(aMessage("!sethome", { room_id: odd }));
    await bridge.verdict("command_sethome");
    await bridge.world.push(aMessage("hello"));
    await bridge.answered(/^echo hello$/);
  });

  test.for(["!unmute", "!mute", "!model large"])(
    "%s in a room whose settings cannot be read says so, and lets nobody in whom they keep out",
    async (command) => {
      const store = await temporaryLedger();
      await store.ledger.setAgents([aSpec("echo", { commands: { model: ["local"] } })]);
      const world = await composed({}, {}, systemClock, store);
      await world.joined(ALICE, BOB, ECHO);
      const levels = { users: { [BOB]: 50 }, users_default: 0, state_default: 50, events: {} };
      await world.ledger.setState(ROOM, RoomState.parse({ levels }));
      const value = JSON.stringify({ users: [ALICE], threads: "tomorrow" });
      await store.client.execute({ sql: "INSERT INTO settings (name, value) VALUES ('room:!room', ?)", args: [value] });
      await world.push(aMessage(`${ECHO} ${command}`, { sender: BOB }), aMessage(`${ECHO} hello`, { sender: BOB }));
      await vi.waitFor(async () => expect(await world.ledger.verdicts()).toMatchObject({ muted: 1 }), soon);
      await vi.waitFor(() => expect(world.bodies()).toEqual([expect.stringMatching(/cannot be read/)]), soon);
      const { rows } = await store.client.execute("SELECT value FROM settings WHERE name = 'room:!room'");
      expect(rows).toMatchObject([{ value }]);
      world.close();
    },
  );

  test("!thread holds for the agent in the room from the next message on", async () => {
    await bridge.begin(echo({ admins: [ALICE] }));
    await bridge.world.push(aMessage("!thread always"));
    await bridge.answered(/answers in threads: always/);
    const asked = aMessage("hello");
    await bridge.world.push(asked);
    await bridge.answered(/^echo hello$/);
    expect(bridge.world.server.sent.at(-1)?.content["m.relates_to"]).toMatchObject({ event_id: asked.event_id });
    await bridge.world.push(aMessage("!thread sideways"));
    await bridge.answered(/one of off, inbound, always/);
  });

  test("!help, !agents, !status, !whoami and !debug answer", async () => {
    await bridge.begin(echo({ admins: [ALICE] }));
    for (const [word, answer] of [
      ["help", /`!new`/],
      ["agents", /agent_echo/],
      ["status", /idle/],
      ["whoami", /are its admin/],
      ["debug", /"origin": "!room"/],
    ] as const) {
      await bridge.world.push(aMessage(`!${word}`));
      await bridge.answered(answer);
    }
  });
});
