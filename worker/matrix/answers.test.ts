/** Answers that are not the homeserver's: a proxy's page, an empty body, somebody else's JSON. */
import { describe, expect, test } from "vitest";
import { actingDevice, putDevice, registerUser } from "#core/protocol/client/account.ts";
import { uploadMedia } from "#core/protocol/client/media.ts";
import { joinedMembers } from "#core/protocol/client/members.ts";
import { frozenMessage, messagesBefore, roomEvent } from "#core/protocol/client/messages.ts";
import { setAvatarUrl, setDisplayName } from "#core/protocol/client/profile.ts";
import type { Request } from "#core/protocol/client/request.ts";
import { joinRoom, leaveRoom, roomByAlias, setState, stateEvent } from "#core/protocol/client/rooms.ts";
import { pingAppservice } from "#core/protocol/client/server.ts";
import { setTyping } from "#core/protocol/client/typing.ts";
import { isMissing, isPassing } from "#core/protocol/errcode.ts";
import { EventId, UserId } from "#core/protocol/ids.ts";
import { STATE_TYPES } from "#core/protocol/room-state.ts";
import { composed } from "#testing/composed.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { askByFetch } from "./ask.ts";
import { clientServer } from "./client-server.ts";

const USER = UserId.parse("@agent_echo:hs.test");

const REQUESTS: Record<string, Request<unknown>> = {
  "joins a room": joinRoom(ROOM),
  "leaves a room": leaveRoom(ROOM),
  "looks up an alias": roomByAlias("#a:b"),
  "reads members": joinedMembers(ROOM),
  "reads older events": messagesBefore(ROOM),
  "reads an event": roomEvent(ROOM, EventId.parse("$1")),
  "sends a message": frozenMessage("/x", "{}"),
  "sets state": setState(ROOM, "x.y", "", {}),
  "uploads a file": uploadMedia("", "x/y"),
  registers: registerUser("agent_echo"),
  "makes a device": putDevice("D", "Echo"),
  "sets a name": setDisplayName(USER, "Echo"),
  "sets a picture": setAvatarUrl(USER, "mxc://a/b"),
  "shows typing": setTyping(ROOM, USER, 1),
  "asks for the device": actingDevice(),
  pings: pingAppservice("a", "7"),
  ...Object.fromEntries(STATE_TYPES.map((type) => [`reads ${type}`, stateEvent(ROOM, type)])),
};
const PROXYS = '{"hello":"proxy"}';
const BODIES = [PROXYS, "<html>Welcome</html>", "", "[]", "null", '"text"', "5"];
/** Their answer is an empty object, so that no object can be told from it. */
const ANY_OBJECT = ["leaves a room", "makes a device", "sets a name", "sets a picture", "shows typing"];

const asking = (body: string, status: number) =>
  clientServer({
    url: async () => "http://hs.test",
    asToken: "token",
    ask: askByFetch(async () => new Response(body, { status })),
  });

describe("an answer that is not the homeserver's", () => {
  test.for(Object.entries(REQUESTS))("is trouble of a request that %s, and no value", async ([name, request]) => {
    for (const body of BODIES) {
      const answer = await asking(body, 200)(request);
      const isUnknowable = body === PROXYS && ANY_OBJECT.includes(name);
      expect([body, answer.ok || isPassing(answer.error)]).toEqual([body, true]);
      expect([body, answer.ok]).toEqual([body, isUnknowable]);
    }
  });

  test.for([400, 403, 404])(
    "with status %i is no refusal of the homeserver's, which sends an object",
    async (status) => {
      for (const body of BODIES.filter((one) => one !== PROXYS)) {
        const answer = await asking(body, status)(joinedMembers(ROOM));
        expect([body, !answer.ok && isPassing(answer.error)]).toEqual([body, true]);
      }
    },
  );

  test("with status 404 does not say that something is missing", async () => {
    for (const body of BODIES) {
      const answer = await asking(body, 404)(roomByAlias("#a:b"));
      expect([body, !answer.ok && isMissing(answer.error)]).toEqual([body, false]);
    }
    const missing = await asking('{"errcode":"M_NOT_FOUND","error":"none"}', 404)(roomByAlias("#a:b"));
    expect(!missing.ok && isMissing(missing.error)).toBe(true);
  });

  test("with status 413 is a refusal: another try would be as large", async () => {
    const answer = await asking("<html>Too large</html>", 413)(uploadMedia("", "x/y"));
    expect(!answer.ok && isPassing(answer.error)).toBe(false);
  });
});

describe("a room that is read through a proxy that answers for the homeserver", () => {
  const ALICE = "@alice:hs.test";
  const NAME = { sender: ALICE, content: { name: "Kitchen" } };

  test.for<[what: string, path: RegExp, answer: () => Response]>([
    ["an object without members", /joined_members/, () => Response.json({ hello: "proxy" })],
    ["no members at all", /joined_members/, () => Response.json({ joined: {} })],
    ["an object without state", /m\.room\.name/, () => Response.json({ hello: "proxy" })],
    ["that it does not find the state", /m\.room\.name/, () => new Response("not found", { status: 404 })],
    ["that it does not find the state, in JSON", /m\.room\.name/, () => Response.json({}, { status: 404 })],
  ])("keeps its members and its state: %s", async ([, path, answer]) => {
    const bridge = await composed({ echo: { backend: { use: "echo" } } });
    await bridge.joined(ALICE, "@bob:hs.test", USER);
    bridge.server.state.set(`${ROOM}|m.room.name`, NAME);
    await bridge.app.tend();
    expect(await bridge.ledger.room(ROOM)).toMatchObject({ joinedCount: 3, state: { name: "Kitchen" } });
    const { fetch } = bridge.server;
    bridge.server.fetch = async (input, init) => (path.test(String(input)) ? answer() : fetch(input, init));
    await bridge.app.tend();
    expect(await bridge.ledger.room(ROOM)).toMatchObject({ joinedCount: 3, state: { name: "Kitchen" } });
    expect(bridge.lines.join("\n")).not.toContain("lane_failed");
    bridge.close();
  });
});
