/** Agents whose power is too low for a message: nobody is asked, and nothing is paid for. */
import { describe, expect, test, vi } from "vitest";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { ALICE, aBridge, BOB, ECHO, echo, GUIDE, soon } from "#testing/room.ts";

const bridge = aBridge();
const mention = (userId: string) => ({ content: { "m.mentions": { user_ids: [userId] } } });
const levels = (content: object) =>
  anEvent({ type: "m.room.power_levels", state_key: "", content: { users: { [ALICE]: 100 }, ...content } });
const warnings = () => bridge.world.lines.filter((line) => line.startsWith("agent_may_not_speak"));
const turns = async () => (await bridge.world.ledger.verdicts())["wake_mention"] ?? 0;

describe("kind 11, input 22: where an agent may not send messages", () => {
  test.for<[name: string, levels: object, needed: number, has: number]>([
    ["by the default of events", { events_default: 50 }, 50, 0],
    ["by the level of messages", { events: { "m.room.message": 30 }, users_default: 10 }, 30, 10],
    ["by its own level", { users: { [ALICE]: 100, [ECHO]: -1 } }, 0, -1],
  ])("no turn begins: %s", async ([, content, needed, has]) => {
    await bridge.begin(echo(), ALICE, BOB, ECHO);
    await bridge.world.push(levels(content));
    const asked = aMessage("echo: are you there?", mention(ECHO));
    await bridge.world.push(asked, aMessage("echo: hello?", mention(ECHO)));
    await vi.waitFor(async () => expect((await bridge.world.ledger.verdicts())["may_not_speak"]).toBe(2), soon);
    expect(await bridge.world.ledger.verdictOf(asked.event_id)).toMatchObject({
      verdict: "may_not_speak",
      about: "echo",
      evidence: { needed, has },
    });
    expect(await turns()).toBe(0);
    expect(bridge.said()).toEqual([]);
    expect(await bridge.world.ledger.deadLetters(10)).toEqual([]);
    expect(warnings()).toEqual([`agent_may_not_speak ${JSON.stringify({ agent: "echo", room: ROOM, needed, has })}`]);
  });

  test("`!why` says so by another agent that may speak", async () => {
    await bridge.begin({ ...echo(), guide: { backend: { use: "echo" } } }, ALICE, BOB, ECHO, GUIDE);
    await bridge.world.push(levels({ users: { [ALICE]: 100, [GUIDE]: 50 }, events_default: 50 }));
    const asked = aMessage("echo: are you there?", mention(ECHO));
    await bridge.world.push(asked);
    await bridge.verdict("may_not_speak");
    const reply = { "m.relates_to": { "m.in_reply_to": { event_id: asked.event_id } } };
    await bridge.world.push(aMessage("guide: !why", { content: { ...mention(GUIDE).content, ...reply } }));
    await bridge.answered(/^echo may not send messages in this room: that needs power 50, and it has 0/);
  });

  test("a command is obeyed without an answer", async () => {
    await bridge.begin(echo({ admins: [ALICE] }), ALICE, BOB, ECHO);
    await bridge.world.push(levels({ events_default: 50 }), aMessage("!mute"));
    await bridge.verdict("command_mute");
    await bridge.world.settled();
    expect((await bridge.world.ledger.room(ROOM)).muted).toBe(true);
    expect(bridge.said()).toEqual([]);
    expect(await bridge.world.ledger.deadLetters(10)).toEqual([]);
  });

  test("neither a code nor a word about encryption is sent", async () => {
    await bridge.begin(echo({ users: [], dm: "pairing" }), BOB, ECHO);
    await bridge.world.push(levels({ events_default: 50 }), aMessage("hello", { sender: BOB }));
    await bridge.verdict("not_permitted");
    await bridge.world.push(anEvent({ type: "m.room.encrypted", content: {}, sender: BOB }));
    await bridge.verdict("encrypted");
    await bridge.world.settled();
    expect(bridge.said()).toEqual([]);
  });

  test("an introduction is left out", async () => {
    await bridge.begin(echo({ introduction: "I am Echo." }), ALICE);
    bridge.world.server.members.set(ROOM, [ALICE, ECHO]);
    const content = { users: { [ALICE]: 100 }, events_default: 50 };
    bridge.world.server.state.set(`${ROOM}|m.room.power_levels`, { sender: ALICE, content });
    await bridge.world.push(aMembership(ECHO, "invite", { sender: ALICE }));
    await bridge.verdict("join");
    await bridge.world.push(aMessage("hello", mention(ECHO)));
    await bridge.verdict("may_not_speak");
    expect(bridge.said()).toEqual([]);
  });
});

test("an agent answers as soon as its power is enough", async () => {
  await bridge.begin(echo(), ALICE, BOB, ECHO);
  await bridge.world.push(levels({ events_default: 50 }), aMessage("one", mention(ECHO)));
  await bridge.verdict("may_not_speak");
  await bridge.world.push(levels({ events_default: 50, users: { [ECHO]: 50 } }), aMessage("two", mention(ECHO)));
  await bridge.answered(/^echo two$/);
});

test("before a room has power levels, everybody may send messages", async () => {
  await bridge.begin(echo(), ALICE, BOB, ECHO);
  await bridge.world.push(aMessage("hello", mention(ECHO)));
  await bridge.answered(/^echo hello$/);
});
