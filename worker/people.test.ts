/** Who is let in, what they may say to us, and where agents go: the whole way, on a real ledger and a homeserver in memory. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { UserId } from "#core/protocol/ids.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import { ROOM } from "#testing/ledger-rows.ts";

const ALICE = "@alice:hs.test";
const BOB = "@bob:hs.test";
const EVE = "@eve:evil.test";
const ECHO = "@agent_echo:hs.test";
const GUIDE = "@agent_guide:hs.test";
const echo = (more: object = {}) => ({ echo: { backend: { use: "echo" }, ...more } });
const mention = (userId: string) => ({ content: { "m.mentions": { user_ids: [userId] } } });
const replyTo = (event_id: string) => ({ content: { "m.relates_to": { "m.in_reply_to": { event_id } } } });
const soon = { timeout: 4_000, interval: 20 };

let world: Composed;
afterEach(() => world.close());

async function begin(agents: Record<string, object>, ...users: string[]): Promise<Composed> {
  world = await composed(agents);
  await world.joined(...(users.length > 0 ? users : [ALICE, ECHO]));
  return world;
}
const said = () => world.bodies().map(String);
const verdict = (name: string) =>
  vi.waitFor(async () => expect(await world.ledger.verdicts()).toHaveProperty(name), soon);
const answered = (text: string | RegExp) =>
  vi.waitFor(() => expect(said()).toContainEqual(expect.stringMatching(text)), soon);

describe("pairing", () => {
  const shy = echo({ users: [], dm: "pairing", admins: [BOB] });
  const code = () => said().flatMap((body) => body.match(/[A-Z2-9]{8}/)?.[0] ?? []);

  test("gives one code, reminds of it, and lets in who was approved", async () => {
    await begin(shy, EVE, ECHO);
    await world.push(aMessage("hello", { sender: EVE }));
    await vi.waitFor(() => expect(code()).toHaveLength(1), soon);
    await world.push(aMessage("hello?", { sender: EVE }));
    await vi.waitFor(async () => expect((await world.ledger.verdicts())["pair"]).toBe(2), soon);
    expect(new Set(code()).size).toBe(1);
    const approved = await world.operator("POST", `/admin/pairings/${code()[0]}/approve`);
    expect(approved.status).toBe(200);
    await world.push(aMessage("and now?", { sender: EVE }));
    await answered(/^echo and now\?$/);
  });

  test("is not approved by whoever was given the code", async () => {
    await begin(shy, EVE, ECHO);
    await world.push(aMessage("hello", { sender: EVE }));
    await vi.waitFor(() => expect(code()).toHaveLength(1), soon);
    await world.push(aMessage(`!pair ${code()[0]}`, { sender: EVE }));
    await answered(/not valid here/);
    await world.push(aMessage("and now?", { sender: EVE }));
    await verdict("pair");
    expect(said()).not.toContain("echo and now?");
  });

  test("three may ask at a time", async () => {
    await begin(shy, EVE, ECHO);
    for (const name of ["a", "b", "c", "d"]) await world.push(aMessage("hello", { sender: `@${name}:evil.test` }));
    await vi.waitFor(async () => expect((await world.ledger.verdicts())["pair"]).toBe(4), soon);
    await answered(/too many users wait/);
    expect(new Set(code()).size).toBe(3);
  });

  test("a code an owner made lets in the first who says it, and nobody after that", async () => {
    await begin(shy, EVE, ECHO);
    const made = await world.operator("POST", "/admin/agents/echo/invite-codes");
    const { code: owners } = (await made.json()) as { code: string };
    await world.push(aMessage(`!pair ${owners}`, { sender: EVE }));
    await answered(/Welcome/);
    await world.push(aMessage("hi", { sender: EVE }));
    await answered(/^echo hi$/);
    await world.push(aMessage(`!pair ${owners}`, { sender: "@mallory:evil.test" }));
    await answered(/not valid here/);
  });

  test("is taken back by an admin's word", async () => {
    await begin(shy, EVE, ECHO);
    await world.push(aMessage(`!allow ${EVE}`, { sender: BOB }));
    await answered(/may now talk to/);
    await world.push(aMessage("hi", { sender: EVE }));
    await answered(/^echo hi$/);
    await world.push(aMessage(`!deny ${EVE}`, { sender: BOB }));
    await answered(/^Done/);
    await world.push(aMessage("again", { sender: EVE }));
    await verdict("pair");
    expect(said()).not.toContain("echo again");
  });
});

test("a bot nobody knows for one, that replies to every answer, is not heard any more after twenty", async () => {
  await begin(echo({ users: ["*"] }), ALICE, BOB, ECHO);
  await world.push(aMessage("hello", mention(ECHO)));
  for (let n = 0; n < 20; n++) {
    await vi.waitFor(() => expect(world.server.sent).toHaveLength(n + 1), soon);
    await world.push(aMessage(`answer ${n}`, { sender: BOB, ...replyTo(world.server.sent[n]?.eventId ?? "") }));
  }
  await vi.waitFor(() => expect(world.server.sent).toHaveLength(21), soon);
  await world.push(aMessage("and on", { sender: BOB, ...replyTo(world.server.sent[20]?.eventId ?? "") }));
  await verdict("pair_guard");
  // Alice is another pair.
  await world.push(aMessage("still there?", mention(ECHO)));
  await answered(/^echo still there\?$/);
});

describe("a command", () => {
  test("!new begins another conversation", async () => {
    await begin(echo());
    const settle = vi.spyOn(world.ledger, "settleAndNext");
    await world.push(aMessage("one"));
    await answered(/^echo one$/);
    await world.push(aMessage("!new\ntwo"));
    await answered(/^A new conversation/);
    await answered(/^echo two$/);
    const turns = settle.mock.calls.flatMap(([, , settled]) => settled.turns);
    expect(new Set(turns.map(({ session }) => session)).size).toBe(2);
  });

  test("that nobody knows stays chat", async () => {
    await begin(echo());
    await world.push(aMessage("!bang"));
    await answered(/^echo !bang$/);
  });

  test("among several agents is for the one that is mentioned; unnamed, it is asked whom it means", async () => {
    await begin({ ...echo(), guide: { backend: { use: "scripted" } } }, ALICE, ECHO, GUIDE);
    await world.push(aMessage("!new"));
    await answered(/mention the one you mean/);
    await world.push(aMessage("echo: !new", mention(ECHO)));
    await answered(/^A new conversation/);
    expect(world.server.sent.at(-1)?.userId).toBe(ECHO);
  });

  test("!mute silences the room and !unmute ends that, for who may", async () => {
    await begin(echo({ admins: [ALICE] }));
    await world.push(aMessage("!mute"));
    await answered(/^Muted/);
    await world.push(aMessage("hello"));
    await verdict("muted");
    await world.push(aMessage("!unmute", { sender: BOB }));
    await verdict("command_not_permitted");
    await world.push(aMessage("!unmute"));
    await answered(/^Agents answer here again/);
    await world.push(aMessage("hello again"));
    await answered(/^echo hello again$/);
  });

  test("!why says what became of a message, and nothing of other rooms", async () => {
    await begin(echo({ admins: [ALICE], users: [ALICE] }), ALICE, BOB, ECHO);
    const unheard = aMessage("hello", { sender: BOB, ...mention(ECHO) });
    await world.push(unheard);
    await verdict("not_permitted");
    await world.push(aMessage("!why", replyTo(unheard.event_id)));
    await answered(/not among the users echo may talk to/);
    await world.push(aMessage("!why", { room_id: "!elsewhere", ...replyTo(unheard.event_id) }));
    await world.push(aMessage("!why", replyTo("$of_nobody")));
    await answered(/no such message/);
  });

  test("that holds everywhere is not permitted by what is set for one room", async () => {
    await begin(echo());
    await world.ledger.setRoomLayer(ROOM, { admins: [ALICE, "power:0"] });
    for (const word of [`!allow ${EVE}`, "!sethome", "!join !elsewhere", `!deny ${EVE}`])
      await world.push(aMessage(word));
    await vi.waitFor(async () => expect((await world.ledger.verdicts())["command_not_permitted"]).toBe(4), soon);
    expect(await world.ledger.grants()).toEqual([]);
    await world.push(aMessage("!model small"));
    await answered(/model from now on: small/);
  });

  test("that sends an agent to a room nobody reaches is answered, and blocks nothing", async () => {
    await begin(echo({ admins: [ALICE] }));
    world.server.refusedJoins = 502;
    await world.push(aMessage("!join !gone"), aMessage("hello"));
    await answered(/could not join/);
    await answered(/^echo hello$/);
  });

  test("!mute ends what runs in threads too", async () => {
    await begin({ guide: { backend: { use: "scripted" }, admins: [ALICE] } }, ALICE, GUIDE);
    const thread = { "m.relates_to": { rel_type: "m.thread", event_id: "$root" } };
    await world.push(aMessage("slow 60", { content: thread }));
    await vi.waitFor(async () => expect((await world.ledger.figures(0)).runningTurns).toBe(1), soon);
    await world.push(aMessage("!mute"));
    await answered(/^Muted/);
    await vi.waitFor(async () => expect((await world.ledger.figures(0)).openTurns).toBe(0), soon);
  });

  test("is heard thirty times a minute from one sender", async () => {
    await begin(echo());
    await world.push(...Array.from({ length: 33 }, () => aMessage("!status")));
    await vi.waitFor(async () => expect((await world.ledger.verdicts())["command_limit"]).toBe(3), soon);
  });

  test("!thread holds for the agent in the room from the next message on", async () => {
    await begin(echo({ admins: [ALICE] }));
    await world.push(aMessage("!thread always"));
    await answered(/answers in threads: always/);
    const asked = aMessage("hello");
    await world.push(asked);
    await answered(/^echo hello$/);
    expect(world.server.sent.at(-1)?.content["m.relates_to"]).toMatchObject({ event_id: asked.event_id });
    await world.push(aMessage("!thread sideways"));
    await answered(/one of off, inbound, always/);
  });

  test("!help, !agents, !status, !whoami and !debug answer", async () => {
    await begin(echo({ admins: [ALICE] }));
    for (const [word, answer] of [
      ["help", /`!new`/],
      ["agents", /agent_echo/],
      ["status", /idle/],
      ["whoami", /are its admin/],
      ["debug", /"origin": "!room"/],
    ] as const) {
      await world.push(aMessage(`!${word}`));
      await answered(answer);
    }
  });
});

describe("an invitation", () => {
  const invite = (sender: string, more: object = {}) =>
    aMembership(ECHO, "invite", { sender, content: { membership: "invite", ...more } });
  const joins = () =>
    world.server.requests.filter((request) => request.startsWith("POST") && request.includes("/join"));
  const leaves = () => world.server.requests.filter((request) => request.includes("/leave"));

  test("of a user is followed, and the room is read", async () => {
    await begin(echo({ introduction: "I am Echo." }), ALICE);
    world.server.members.set(ROOM, [ALICE, ECHO]);
    world.server.state.set(`${ROOM}|m.room.name`, { sender: ALICE, content: { name: "Kitchen" } });
    await world.push(invite(ALICE, { is_direct: true }));
    await verdict("join");
    expect(joins()).toHaveLength(1);
    await answered(/^I am Echo\.$/);
    expect((await world.ledger.room(ROOM)).state.name).toBe("Kitchen");
    await world.push(aMessage("hello"));
    await answered(/^echo hello$/);
  });

  test("of a stranger is turned down with a reason", async () => {
    await begin(echo(), EVE, ECHO);
    await world.ledger.setGhost({ userId: UserId.parse(ECHO), deviceId: "TROUPE" });
    await world.push(invite(EVE, { is_direct: true }));
    await verdict("not_invited_by_user");
    expect(joins()).toEqual([]);
    expect(leaves()).toHaveLength(1);
  });

  test("of a stranger is followed where unknown people are given codes, and in a direct chat only", async () => {
    await begin(echo({ users: [], dm: "pairing" }), EVE);
    world.server.members.set(ROOM, [EVE, ECHO]);
    await world.push(invite(EVE));
    await verdict("not_invited_by_user");
    await world.push(invite(EVE, { is_direct: true }));
    await verdict("join");
  });
});

describe("what the homeserver holds back", () => {
  test("changes nothing: no power, nobody's membership", async () => {
    await begin(echo(), ALICE, ECHO);
    const unsigned = { age: 1, "io.element.synapse.soft_failed": true };
    const levels = { users: { [EVE]: 100 } };
    await world.push(
      anEvent({ type: "m.room.power_levels", state_key: "", sender: EVE, content: levels, unsigned }),
      aMembership(BOB, "join", { unsigned }),
    );
    await vi.waitFor(async () => expect((await world.ledger.verdicts())["soft_failed"]).toBe(2), soon);
    expect(await world.ledger.room(ROOM)).toMatchObject({ joinedCount: 2, state: { creators: [] } });
    expect((await world.ledger.room(ROOM)).state.levels).toBeUndefined();
  });
});

describe("a room", () => {
  test("nobody else is left in is left, once the homeserver says so too", async () => {
    await begin(echo());
    world.server.members.set(ROOM, [ECHO]);
    await world.push(aMembership(ALICE, "leave"));
    await verdict("depart");
    expect(world.server.requests.some((request) => request.includes("/leave"))).toBe(true);
  });

  test("all of us have left already, in a try that came to no end, is done with", async () => {
    await begin(echo());
    world.server.refusedReads.add(ROOM);
    await world.push(aMembership(ALICE, "leave"), aMessage("after", { sender: BOB }));
    await verdict("depart");
    // The lane goes on.
    await verdict("wake_direct");
  });

  test("that has people we did not know of is kept", async () => {
    await begin(echo());
    world.server.members.set(ROOM, [ECHO, BOB]);
    await world.push(aMembership(ALICE, "leave"));
    await verdict("membership");
    expect(world.server.requests.some((request) => request.includes("/leave"))).toBe(false);
  });

  test("that is encrypted is told about once", async () => {
    await begin(echo());
    const sealed = () => anEvent({ type: "m.room.encrypted", content: { algorithm: "m.megolm.v1.aes-sha2" } });
    await world.push(sealed(), sealed());
    await vi.waitFor(async () => expect((await world.ledger.verdicts())["encrypted"]).toBe(2), soon);
    await answered(/encrypted/);
    expect(said()).toHaveLength(1);
  });

  test("that was replaced is followed, and the conversation goes on", async () => {
    await begin(echo());
    world.server.members.set("!next", [ALICE, ECHO]);
    world.server.state.set("!next|m.room.create", {
      sender: ALICE,
      content: { room_version: "12", predecessor: { room_id: ROOM } },
    });
    await world.push(anEvent({ type: "m.room.tombstone", state_key: "", content: { replacement_room: "!next" } }));
    await verdict("follow");
    await answered(/replaces an earlier one/);
    await world.push(aMessage("hello", { room_id: "!next" }));
    await answered(/^echo hello$/);
    expect((await world.ledger.room((await world.ledger.room(ROOM)).origin)).origin).toBe(ROOM);
  });

  test("that does not say whom it replaced inherits nothing", async () => {
    await begin(echo());
    world.server.members.set("!next", [ALICE, ECHO]);
    await world.push(anEvent({ type: "m.room.tombstone", state_key: "", content: { replacement_room: "!next" } }));
    await verdict("follow");
    await world.push(aMessage("hello", { room_id: "!next" }));
    await verdict("not_addressed");
  });
});
