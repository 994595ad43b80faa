/** A room in which everything hangs leaves the homeserver's connections to the others. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { messagesBefore } from "#core/protocol/client/messages.ts";
import { joinRoom, leaveRoom, roomByAlias } from "#core/protocol/client/rooms.ts";
import { RoomId } from "#core/protocol/ids.ts";
import { ok } from "#core/result.ts";
import type { Call } from "./client-server.ts";
import { sharedByRooms } from "./room-requests.ts";

const pathOf = (room: string) => `/_matrix/client/v3/rooms/${room}/typing/x`;

/** A homeserver that is asked over a limited number of connections and never answers for some rooms. */
function homeserver(hangs: (path: string) => boolean) {
  const ending: (() => void)[] = [];
  const waiting: (() => void)[] = [];
  let open = 0;
  let most = 0;
  const call: Call = async (request) => {
    if (open >= BOUNDS.connections.max) await new Promise<void>((resolve) => waiting.push(resolve));
    open++;
    most = Math.max(most, open);
    if (hangs(request.path)) await new Promise<void>((resolve) => ending.push(resolve));
    open--;
    waiting.shift()?.();
    const read = request.answer({});
    if (!read.ok) throw new Error(read.error);
    return read;
  };
  const shared = sharedByRooms(call);
  const ask = (path: string, remote?: string) =>
    shared({ method: "GET", path, ...(remote === undefined ? {} : { remote }), answer: () => ok(path) });
  return { ask, ending, most: () => most, open: () => open };
}

const soon = () => new Promise((resolve) => setTimeout(() => resolve("too late"), 50));

test("a thousand requests that hang in one room keep no request of another room waiting", async () => {
  const { ask, open } = homeserver((path) => path.includes("broken"));
  for (let count = 0; count < 1_000; count++) void ask(pathOf("!broken"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(open()).toBe(BOUNDS.requestsOfRoom.max);
  const answered = await Promise.race([
    Promise.all([ask(pathOf("!well")), ask("/_matrix/client/v3/register")]),
    soon(),
  ]);
  expect(answered).toEqual([ok(pathOf("!well")), ok("/_matrix/client/v3/register")]);
});

test("what waits in a room goes on in its order as the requests before it end", async () => {
  const { ask, ending, open } = homeserver((path) => path.includes("slow"));
  const done: number[] = [];
  const all = Array.from({ length: BOUNDS.requestsOfRoom.max * 3 }, (_, at) =>
    ask(pathOf("!slow")).then(() => done.push(at)),
  );
  while (done.length < all.length) {
    ending.shift()?.();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(open()).toBeLessThanOrEqual(BOUNDS.requestsOfRoom.max);
  }
  expect(done).toEqual(all.map((_, at) => at));
});

describe("requests that hang at servers of others", () => {
  const joinOf = (room: string) => `/_matrix/client/v3/join/${room}`;
  const leaveOf = (room: string) => `/_matrix/client/v3/rooms/${room}/leave`;
  const begun = () => new Promise((resolve) => setTimeout(resolve, 0));

  test.for([joinOf, leaveOf])("keep no message waiting: a thousand of many servers", async (pathIn) => {
    const { ask, open } = homeserver((path) => path.includes("dead"));
    for (let count = 0; count < 1_000; count++) void ask(pathIn(`!dead${count}`), `server${count}.test`);
    await begun();
    expect(open()).toBe(BOUNDS.remoteRequests.max);
    expect(await Promise.race([ask(pathOf("!well")), soon()])).toEqual(ok(pathOf("!well")));
  });

  test("keep none of other servers waiting: a thousand of one", async () => {
    const { ask, open } = homeserver((path) => path.includes("dead"));
    for (let count = 0; count < 1_000; count++) void ask(joinOf(`!dead${count}`), "dead.test");
    await begun();
    expect(open()).toBe(BOUNDS.requestsOfServer.max);
    expect(await Promise.race([ask(joinOf("!well"), "well.test"), soon()])).toEqual(ok(joinOf("!well")));
  });

  test("are joins, rejected invitations, readings of the past and aliases", () => {
    const [room, alias] = [RoomId.parse("!a"), "#a:else.test"];
    const requests = [joinRoom(room, ["evil.test"]), leaveRoom(room, "", "evil.test"), messagesBefore(room)];
    expect([...requests, roomByAlias(alias)].map(({ remote }) => remote)).toEqual([
      "evil.test",
      "evil.test",
      "",
      "else.test",
    ]);
    expect([joinRoom(room), leaveRoom(room)].map(({ remote }) => remote)).toEqual([undefined, undefined]);
  });
});

test("a request that throws leaves its place to the next", async () => {
  const failing = sharedByRooms(() => Promise.reject(new Error("broken")));
  const ask = () => failing({ method: "GET", path: pathOf("!a"), answer: () => ok(1) });
  for (let count = 0; count < BOUNDS.requestsOfRoom.max * 2; count++) await expect(ask()).rejects.toThrow("broken");
});
