import { beforeEach, describe, expect, test } from "vitest";
import { EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { Answer, Intent } from "#ports/homeserver.ts";
import { asking, clientServer } from "./client-server.ts";
import { bindIntent } from "./intent.ts";

const ROOM = RoomId.parse("!a/b:hs.test");
const ROOM_PATH = "/_matrix/client/v3/rooms/!a%2Fb%3Ahs.test";
let requests: { method: string; path: string; query: [string, string][]; body: unknown }[];
let intent: Intent;
beforeEach(() => {
  requests = [];
  const ask = asking(async (input, init) => {
    const url = new URL(String(input));
    const body = init?.body === undefined ? undefined : JSON.parse(String(init.body));
    requests.push({ method: init?.method ?? "", path: url.pathname, query: [...url.searchParams], body });
    return Response.json({ answered: true });
  });
  const call = clientServer({ url: async () => "http://hs.test", asToken: "token", ask });
  intent = bindIntent(call, UserId.parse("@agent_echo:hs.test"), "TROUPE");
});
const IDENTITY: [string, string][] = [
  ["user_id", "@agent_echo:hs.test"],
  ["device_id", "TROUPE"],
];

describe("an intent", () => {
  test.for<
    [name: string, ask: () => Promise<Answer>, method: string, path: string, query: [string, string][], body: unknown]
  >([
    ["joins", () => intent.join(ROOM), "POST", `${ROOM_PATH}/join`, [], {}],
    ["joins where nobody is named to ask", () => intent.join(ROOM, []), "POST", `${ROOM_PATH}/join`, [], {}],
    [
      "joins by way of others",
      () => intent.join(ROOM, ["a.test", "b.test"]),
      "POST",
      "/_matrix/client/v3/join/!a%2Fb%3Ahs.test",
      [
        ["via", "a.test"],
        ["via", "b.test"],
        ["server_name", "a.test"],
        ["server_name", "b.test"],
      ],
      {},
    ],
    ["leaves", () => intent.leave(ROOM), "POST", `${ROOM_PATH}/leave`, [], {}],
    [
      "leaves and says why",
      () => intent.leave(ROOM, "no room"),
      "POST",
      `${ROOM_PATH}/leave`,
      [],
      { reason: "no room" },
    ],
    ["reads state", () => intent.state(ROOM, "m.room.name"), "GET", `${ROOM_PATH}/state/m.room.name/`, [], undefined],
    [
      "reads a whole state event",
      () => intent.state(ROOM, "m.room.create", "event"),
      "GET",
      `${ROOM_PATH}/state/m.room.create/`,
      [["format", "event"]],
      undefined,
    ],
    [
      "sets state",
      () => intent.setState(ROOM, "x.y", "@a:hs.test", { z: 1 }),
      "PUT",
      `${ROOM_PATH}/state/x.y/%40a%3Ahs.test`,
      [],
      { z: 1 },
    ],
    ["sets state of no key", () => intent.setState(ROOM, "x.y", "", {}), "PUT", `${ROOM_PATH}/state/x.y/`, [], {}],
    [
      "looks up an alias",
      () => intent.resolveAlias("#kitchen:hs.test"),
      "GET",
      "/_matrix/client/v3/directory/room/%23kitchen%3Ahs.test",
      [],
      undefined,
    ],
    [
      "reads an event",
      () => intent.event(ROOM, EventId.parse("$a/b")),
      "GET",
      `${ROOM_PATH}/event/%24a%2Fb`,
      [],
      undefined,
    ],
  ])("%s", async ([, ask, method, path, query, body]) => {
    expect(await ask()).toEqual({ ok: true, value: { answered: true } });
    expect(requests).toEqual([{ method, path, query: [...IDENTITY, ...query], body }]);
  });
});
