/** Rooms from end to end: soft-failed events, empty, encrypted and replaced rooms. */
import { describe, expect, test, vi } from "vitest";
import { SessionKey, textOf } from "#core/turn/turn.ts";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { ALICE, aBridge, BOB, ECHO, EVE, echo, soon } from "#testing/room.ts";

const bridge = aBridge();

describe("a soft-failed event", () => {
  test("changes no power and no membership", async () => {
    await bridge.begin(echo(), ALICE, ECHO);
    const unsigned = { age: 1, "io.element.synapse.soft_failed": true };
    const levels = { users: { [EVE]: 100 } };
    await bridge.world.push(
      anEvent({ type: "m.room.power_levels", state_key: "", sender: EVE, content: levels, unsigned }),
      aMembership(BOB, "join", { unsigned }),
    );
    await vi.waitFor(async () => expect((await bridge.world.ledger.verdicts())["soft_failed"]).toBe(2), soon);
    expect(await bridge.world.ledger.room(ROOM)).toMatchObject({ joinedCount: 2, state: { creators: [] } });
    expect((await bridge.world.ledger.room(ROOM)).state.levels).toBeUndefined();
  });
});

describe("a room", () => {
  test("without other users is left, once the homeserver says so too", async () => {
    await bridge.begin(echo());
    bridge.world.server.members.set(ROOM, [ECHO]);
    await bridge.world.push(aMembership(ALICE, "leave"));
    await bridge.verdict("depart");
    expect(bridge.world.server.requests.some((request) => request.includes("/leave"))).toBe(true);
  });

  test("that all our users left in an earlier, incomplete try does not block its lane", async () => {
    await bridge.begin(echo());
    bridge.world.server.refusedReads.add(ROOM);
    await bridge.world.push(aMembership(ALICE, "leave"), aMessage("after", { sender: BOB }));
    await bridge.verdict("depart");
    // The lane goes on.
    await bridge.verdict("wake_direct");
  });

  test("with members we did not know of is kept", async () => {
    await bridge.begin(echo());
    bridge.world.server.members.set(ROOM, [ECHO, BOB]);
    await bridge.world.push(aMembership(ALICE, "leave"));
    await bridge.verdict("membership");
    expect(bridge.world.server.requests.some((request) => request.includes("/leave"))).toBe(false);
  });

  test("that is encrypted is answered with one notice", async () => {
    await bridge.begin(echo());
    const sealed = () => anEvent({ type: "m.room.encrypted", content: { algorithm: "m.megolm.v1.aes-sha2" } });
    await bridge.world.push(sealed(), sealed());
    await vi.waitFor(async () => expect((await bridge.world.ledger.verdicts())["encrypted"]).toBe(2), soon);
    await bridge.answered(/encrypted/);
    expect(bridge.said()).toHaveLength(1);
  });

  test("that was replaced is followed, and the conversation continues", async () => {
    await bridge.begin(echo());
    bridge.world.server.members.set("!next", [ALICE, ECHO]);
    bridge.world.server.state.set("!next|m.room.create", {
      sender: ALICE,
      content: { room_version: "12", predecessor: { room_id: ROOM } },
    });
    await bridge.world.push(
      anEvent({ type: "m.room.tombstone", state_key: "", content: { replacement_room: "!next" } }),
    );
    await bridge.verdict("follow");
    await bridge.answered(/replaces an earlier one/);
    await bridge.world.push(aMessage("hello", { room_id: "!next" }));
    await bridge.answered(/^echo hello$/);
    expect((await bridge.world.ledger.room((await bridge.world.ledger.room(ROOM)).origin)).origin).toBe(ROOM);
  });

  test("that claims to replace an allowed room is not allowed by that", async () => {
    const allowed = "!allowed";
    await bridge.begin(echo({ rooms: "allowlist", allowedRooms: [allowed] }), ALICE, ECHO, BOB);
    const content = { room_version: "11", predecessor: { room_id: allowed } };
    await bridge.world.push(anEvent({ type: "m.room.create", state_key: "", sender: BOB, content }));
    await vi.waitFor(async () => expect((await bridge.world.ledger.room(ROOM)).state.predecessor).toBe(allowed), soon);
    await bridge.world.push(aMessage(`${ECHO} hello`, { sender: BOB }));
    await bridge.verdict("room_not_allowed");
  });

  test("that does not name the room it replaced is left at once, and inherits nothing", async () => {
    await bridge.begin(echo());
    bridge.world.server.members.set("!next", [ALICE, ECHO]);
    await bridge.world.push(
      anEvent({ type: "m.room.tombstone", state_key: "", content: { replacement_room: "!next" } }),
    );
    await bridge.verdict("follow");
    const { requests } = bridge.world.server;
    expect(requests.filter((request) => /\/join\/!next/.test(request))).toHaveLength(1);
    expect(requests.filter((request) => /!next\/leave/.test(request))).toHaveLength(1);
    expect(requests.filter((request) => request.startsWith("PUT") && request.includes("!next"))).toEqual([]);
    bridge.world.server.members.set("!next", [ALICE]);
    await bridge.world.push(aMessage("hello", { room_id: "!next" }));
    await bridge.verdict("no_agent");
  });

  test("is followed by the agents that listen to whoever replaced it, each for itself", async () => {
    const staff = { staff: { backend: { use: "echo" }, users: [BOB], invites: "off" } };
    const STAFF = "@agent_staff:hs.test";
    await bridge.begin({ ...echo(), ...staff }, ALICE, BOB, ECHO, STAFF);
    bridge.world.server.members.set("!next", [ALICE, ECHO]);
    const content = { room_version: "12", predecessor: { room_id: ROOM } };
    bridge.world.server.state.set("!next|m.room.create", { sender: ALICE, content });
    await bridge.world.push(
      anEvent({ type: "m.room.tombstone", state_key: "", content: { replacement_room: "!next" } }),
    );
    await bridge.verdict("follow");
    const joins = bridge.world.server.requests.filter((request) => request.includes("/join/!next"));
    expect(joins.map((request) => request.match(/user_id=([^&]+)/)?.[1])).toEqual([encodeURIComponent(ECHO)]);
  });

  test("that can be read from outside is not even joined where it names another room, or none", async () => {
    await bridge.begin(echo());
    const content = { room_version: "12", predecessor: { room_id: "!another" } };
    bridge.world.server.state.set("!next|m.room.create", { sender: ALICE, content });
    await bridge.world.push(
      anEvent({ type: "m.room.tombstone", state_key: "", content: { replacement_room: "!next" } }),
    );
    await bridge.verdict("follow");
    expect(bridge.world.server.requests.filter((request) => request.includes("/join"))).toEqual([]);
  });
});

describe("a direct chat whose person is replaced by another", () => {
  const chatter = { memory: { backend: { use: "echo" }, admins: ["local"] } };
  const MEMORY = "@agent_memory:hs.test";
  const session = () =>
    bridge
      .said()
      .filter((body) => body.startsWith("```json"))
      .map((body) => JSON.parse(body.slice(8, -4)).sessions[0].session as string);

  test("tells the other nothing of what was said before", async () => {
    await bridge.begin(chatter, ALICE, MEMORY);
    await bridge.world.push(aMessage("my secret"));
    await bridge.answered(/^echo my secret$/);
    await bridge.world.push(aMessage("!debug"));
    await vi.waitFor(() => expect(session()).toHaveLength(1), soon);
    await bridge.world.push(aMembership(BOB, "join", { sender: BOB }), aMembership(ALICE, "leave"));
    await bridge.world.push(aMessage("what was said?", { sender: BOB }));
    await bridge.answered(/^echo what was said\?$/);
    await bridge.world.push(aMessage("!debug", { sender: BOB }));
    await vi.waitFor(() => expect(session()).toHaveLength(2), soon);
    const [alices = "", bobs = ""] = session();
    const { ledger } = bridge.world;
    const told = async (key: string) =>
      (await ledger.transcript(SessionKey.parse(key), 10)).map(({ prompt }) => [prompt.sender, textOf(prompt.parts)]);
    expect(await told(alices)).toEqual([[ALICE, "my secret"]]);
    expect(await told(bobs)).toEqual([[BOB, "what was said?"]]);
  });
});
