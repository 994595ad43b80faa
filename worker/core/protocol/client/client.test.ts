/** Requests as a homeserver gets them, and the values read from its answers. */
import { describe, expect, test } from "vitest";
import { EventId, RoomId, UserId } from "../ids.ts";
import { STATE_TYPES } from "../room-state.ts";
import { actingDevice, putDevice, registerUser } from "./account.ts";
import { uploadMedia } from "./media.ts";
import { joinedMembers } from "./members.ts";
import { frozenMessage, messagesBefore, roomEvent, sendMessage, sendPath } from "./messages.ts";
import { setAvatarUrl, setDisplayName } from "./profile.ts";
import type { Request } from "./request.ts";
import { joinRoom, leaveRoom, roomByAlias, setState, stateEvent } from "./rooms.ts";
import { pingAppservice, wellKnown } from "./server.ts";
import { setTyping } from "./typing.ts";

const ROOM = RoomId.parse("!a/b:hs.test");
const ROOM_PATH = "/_matrix/client/v3/rooms/!a%2Fb%3Ahs.test";
const USER = UserId.parse("@agent_echo:hs.test");

interface Sent {
  name: string;
  request: Request<unknown>;
  method: string;
  path: string;
  query?: object;
  json?: unknown;
}

describe("a request", () => {
  test.for<Sent>([
    { name: "joins", request: joinRoom(ROOM), method: "POST", path: `${ROOM_PATH}/join`, json: {} },
    {
      name: "joins by way of no server",
      request: joinRoom(ROOM, []),
      method: "POST",
      path: `${ROOM_PATH}/join`,
      json: {},
    },
    {
      name: "joins by way of others",
      request: joinRoom(ROOM, ["a.test", "b.test"]),
      method: "POST",
      path: "/_matrix/client/v3/join/!a%2Fb%3Ahs.test",
      query: { via: ["a.test", "b.test"], server_name: ["a.test", "b.test"] },
      json: {},
    },
    { name: "leaves", request: leaveRoom(ROOM), method: "POST", path: `${ROOM_PATH}/leave`, json: {} },
    {
      name: "leaves with a reason",
      request: leaveRoom(ROOM, "no room"),
      method: "POST",
      path: `${ROOM_PATH}/leave`,
      json: { reason: "no room" },
    },
    {
      name: "reads a whole state event",
      request: stateEvent(ROOM, "m.room.create"),
      method: "GET",
      path: `${ROOM_PATH}/state/m.room.create/`,
      query: { format: "event" },
    },
    {
      name: "sets state",
      request: setState(ROOM, "x.y", "@a:hs.test", { z: 1 }),
      method: "PUT",
      path: `${ROOM_PATH}/state/x.y/%40a%3Ahs.test`,
      json: { z: 1 },
    },
    {
      name: "sets state with an empty key",
      request: setState(ROOM, "x.y", "", {}),
      method: "PUT",
      path: `${ROOM_PATH}/state/x.y/`,
      json: {},
    },
    {
      name: "looks up an alias",
      request: roomByAlias("#kitchen:hs.test"),
      method: "GET",
      path: "/_matrix/client/v3/directory/room/%23kitchen%3Ahs.test",
    },
    {
      name: "reads an event",
      request: roomEvent(ROOM, EventId.parse("$a/b")),
      method: "GET",
      path: `${ROOM_PATH}/event/%24a%2Fb`,
    },
    {
      name: "sends a message",
      request: sendMessage(ROOM, "turn.0/1", { body: "x" }),
      method: "PUT",
      path: `${ROOM_PATH}/send/m.room.message/turn.0%2F1`,
      json: { body: "x" },
    },
    {
      name: "reads older events from the newest on",
      request: messagesBefore(ROOM),
      method: "GET",
      path: `${ROOM_PATH}/messages`,
      query: { dir: "b", limit: "100" },
    },
    {
      name: "reads older events from a token on",
      request: messagesBefore(ROOM, "t1"),
      method: "GET",
      path: `${ROOM_PATH}/messages`,
      query: { dir: "b", limit: "100", from: "t1" },
    },
    { name: "reads members", request: joinedMembers(ROOM), method: "GET", path: `${ROOM_PATH}/joined_members` },
    {
      name: "shows typing",
      request: setTyping(ROOM, USER, 30_000),
      method: "PUT",
      path: `${ROOM_PATH}/typing/%40agent_echo%3Ahs.test`,
      json: { typing: true, timeout: 30_000 },
    },
    {
      name: "takes typing back",
      request: setTyping(ROOM, USER, 0),
      method: "PUT",
      path: `${ROOM_PATH}/typing/%40agent_echo%3Ahs.test`,
      json: { typing: false },
    },
    {
      name: "sets a name",
      request: setDisplayName(USER, "Echo"),
      method: "PUT",
      path: "/_matrix/client/v3/profile/%40agent_echo%3Ahs.test/displayname",
      json: { displayname: "Echo" },
    },
    {
      name: "sets a picture",
      request: setAvatarUrl(USER, "mxc://hs.test/a"),
      method: "PUT",
      path: "/_matrix/client/v3/profile/%40agent_echo%3Ahs.test/avatar_url",
      json: { avatar_url: "mxc://hs.test/a" },
    },
    {
      name: "registers",
      request: registerUser("agent_echo"),
      method: "POST",
      path: "/_matrix/client/v3/register",
      json: { type: "m.login.application_service", username: "agent_echo", inhibit_login: true },
    },
    {
      name: "makes a device",
      request: putDevice("ONE/TWO", "Echo"),
      method: "PUT",
      path: "/_matrix/client/v3/devices/ONE%2FTWO",
      json: { display_name: "Echo" },
    },
    { name: "asks for the device", request: actingDevice(), method: "GET", path: "/_matrix/client/v3/account/whoami" },
    {
      name: "pings",
      request: pingAppservice("a/b", "7"),
      method: "POST",
      path: "/_matrix/client/v1/appservice/a%2Fb/ping",
      json: { transaction_id: "troupe-7" },
    },
    { name: "looks for the homeserver", request: wellKnown(), method: "GET", path: "/.well-known/matrix/client" },
  ])("$name", ({ request, method, path, query, json }) => {
    expect([request.method, request.path, request.query]).toEqual([method, path, query]);
    expect(request.body === undefined ? undefined : JSON.parse(String(request.body))).toEqual(json);
  });

  test("uploads what it is given, under its own type", () => {
    const bytes = new Uint8Array([1, 2]);
    expect(uploadMedia(bytes, "image/png")).toMatchObject({
      method: "POST",
      path: "/_matrix/media/v3/upload",
      body: bytes,
      contentType: "image/png",
    });
  });

  test("repeats a frozen message byte for byte", () => {
    const [path, body] = [sendPath(ROOM, "k"), '{ "body":"x" }'];
    expect(frozenMessage(path, body)).toMatchObject({ method: "PUT", path, body });
  });
});

const anEvent = (over: object = {}) => ({
  event_id: "$1",
  room_id: ROOM,
  type: "m.room.message",
  sender: USER,
  content: {},
  ...over,
});

interface Read {
  name: string;
  request: Request<unknown>;
  json: unknown;
  value: unknown;
}

describe("an answer", () => {
  test.for<Read>([
    { name: "of a send is the event's id", request: frozenMessage("/x", "{}"), json: { event_id: "$1" }, value: "$1" },
    {
      name: "of an alias is the room",
      request: roomByAlias("#a:b"),
      json: { room_id: ROOM, servers: [] },
      value: ROOM,
    },
    {
      name: "of an upload is the URI",
      request: uploadMedia("", "x/y"),
      json: { content_uri: "mxc://a/b" },
      value: "mxc://a/b",
    },
    { name: "of a join names the room", request: joinRoom(ROOM), json: { room_id: ROOM }, value: undefined },
    { name: "of whoami is the device", request: actingDevice(), json: { user_id: USER, device_id: "D" }, value: "D" },
    { name: "of whoami may have no device", request: actingDevice(), json: { user_id: USER }, value: undefined },
    {
      name: "of the members is their ids, as they came",
      request: joinedMembers(ROOM),
      json: { joined: { [USER]: {}, nonsense: {} } },
      value: [USER, "nonsense"],
    },
    {
      name: "of a page is its events, as they came",
      request: messagesBefore(ROOM),
      json: { chunk: [{ type: "x" }, 5], end: "t2" },
      value: { raws: [{ type: "x" }, 5], next: "t2" },
    },
    {
      name: "of the first page of a room has no next one",
      request: messagesBefore(ROOM),
      json: { chunk: [], end: null },
      value: { raws: [] },
    },
    {
      name: "of an event may leave its room out",
      request: roomEvent(ROOM, EventId.parse("$1")),
      json: JSON.parse(JSON.stringify(anEvent({ room_id: undefined }))),
      value: anEvent(),
    },
    {
      name: "of an event is the event",
      request: roomEvent(ROOM, EventId.parse("$1")),
      json: anEvent(),
      value: anEvent(),
    },
    {
      name: "of a state event is the part we keep",
      request: stateEvent(ROOM, "m.room.name"),
      json: { sender: USER, content: { name: "Kitchen" } },
      value: { name: "Kitchen" },
    },
    {
      name: "of a state event may be its content alone",
      request: stateEvent(ROOM, "m.room.name"),
      json: { name: "Kitchen" },
      value: { name: "Kitchen" },
    },
    {
      name: "of a well-known file is the URL without its slash",
      request: wellKnown(),
      json: { "m.homeserver": { base_url: "https://m.test/" } },
      value: "https://m.test",
    },
  ])("$name", ({ request, json, value }) => expect(request.answer(json)).toEqual({ ok: true, value }));

  test.for<{ request: Request<unknown>; json: unknown; needed: string }>([
    { request: frozenMessage("/x", "{}"), json: {}, needed: "event_id" },
    { request: frozenMessage("/x", "{}"), json: { event_id: "no id" }, needed: "event_id" },
    { request: roomByAlias("#a:b"), json: { servers: [] }, needed: "room_id" },
    { request: uploadMedia("", "x/y"), json: {}, needed: "content_uri" },
    { request: joinedMembers(ROOM), json: {}, needed: "joined" },
    { request: messagesBefore(ROOM), json: { end: "t" }, needed: "chunk" },
    { request: wellKnown(), json: { "m.homeserver": { base_url: "ftp://x" } }, needed: "m.homeserver.base_url" },
    { request: uploadMedia("", "x/y"), json: { content_uri: "https://x" }, needed: "content_uri" },
    { request: joinedMembers(ROOM), json: { joined: {} }, needed: "joined" },
    { request: messagesBefore(ROOM), json: { chunk: [], end: 5 }, needed: "chunk" },
  ])("without $needed is an error", ({ request, json, needed }) => {
    expect(request.answer(json)).toEqual({ ok: false, error: `answer without ${needed}` });
  });
});

describe("an answer with a 200 that is not the homeserver's", () => {
  const ANSWERS: unknown[] = [{ hello: "proxy" }, undefined, [], null, "<html>Welcome</html>"];
  const requests: Record<string, Request<unknown>> = {
    joins: joinRoom(ROOM),
    "joins by way of others": joinRoom(ROOM, ["a.test"]),
    "looks up an alias": roomByAlias("#a:b"),
    "reads members": joinedMembers(ROOM),
    "reads older events": messagesBefore(ROOM),
    "reads an event": roomEvent(ROOM, EventId.parse("$1")),
    "sends a message": frozenMessage("/x", "{}"),
    "sets state": setState(ROOM, "x.y", "", {}),
    "uploads a file": uploadMedia("", "x/y"),
    registers: registerUser("agent_echo"),
    "asks for the device": actingDevice(),
    pings: pingAppservice("a", "7"),
    "looks for the homeserver": wellKnown(),
    ...Object.fromEntries(STATE_TYPES.map((type) => [`reads ${type}`, stateEvent(ROOM, type)])),
  };

  test.for(Object.entries(requests))("is no answer to a request that %s", ([, { answer }]) => {
    for (const one of ANSWERS) expect([one, answer(one).ok]).toEqual([one, false]);
  });

  test.for<[name: string, request: Request<undefined>]>([
    ["leaves", leaveRoom(ROOM)],
    ["makes a device", putDevice("D", "x")],
    ["sets a name", setDisplayName(USER, "x")],
    ["sets a picture", setAvatarUrl(USER, "mxc://a/b")],
    ["shows typing", setTyping(ROOM, USER, 1)],
  ])("cannot be told from the empty object that answers a request that %s", ([, { answer }]) => {
    expect(answer({})).toEqual({ ok: true, value: undefined });
  });
});
