/**
 * Kind 9 of the field: what a homeserver lacks does not count as failed, and no step holds up the others. The homeserver
 * here answers as Dendrite 0.13.8 was recorded to.
 *
 * @see https://github.com/matrix-org/dendrite/blob/v0.13.8/clientapi/routing/device.go
 * @see https://github.com/matrix-org/dendrite/blob/v0.13.8/internal/transactions/transactions.go
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { CAPABILITIES, type Capability } from "#core/protocol/capabilities.ts";
import { UserId } from "#core/protocol/ids.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMembership, aMessage } from "#testing/events.ts";
import { ROOM } from "#testing/ledger-rows.ts";
import { movingClock } from "#testing/moving-clock.ts";
import { ALICE, ECHO, echo, soon } from "#testing/room.ts";
import { systemClock } from "./clock.ts";

const DAY_MS = 24 * 60 * 60_000;
let world: Composed;
let clock: ReturnType<typeof movingClock>;
afterEach(() => world.close());

async function begin(...lacked: Capability[]): Promise<void> {
  const { move, now } = movingClock();
  // The pause before the second look at a room is cut.
  clock = { move, now, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 50), signal) };
  world = await composed(echo(), {}, clock);
  for (const one of lacked) world.server.lacks.add(one);
}
async function start(): Promise<void> {
  await world.app.enter();
  await world.app.tend({ afterStart: true });
}
const invite = () => aMembership(ECHO, "invite", { content: { membership: "invite", is_direct: true } });
const requests = (part: string) => world.server.requests.filter((request) => request.includes(part));
async function health(): Promise<{ problems: string[]; homeserver: { reachable: boolean; lacks: string[] } }> {
  return (await world.app.http.request("/health")).json() as ReturnType<typeof health>;
}
const answered = (...bodies: string[]) => vi.waitFor(() => expect(world.bodies()).toEqual(bodies), soon);

async function askInDirectChat(text: string): Promise<void> {
  world.server.members.set(ROOM, [ALICE, ECHO]);
  await world.push(invite());
  await vi.waitFor(() => expect(world.lines).toContainEqual(expect.stringMatching(/^joined/)), soon);
  await world.push(aMessage(text));
}

describe("kind 9, input 26: a homeserver without devices, device ids and pings", () => {
  test("is answered in, without a device; health and the start say what it lacks, which is no problem", async () => {
    await begin(...CAPABILITIES);
    await start();
    await askInDirectChat("hello");
    await answered("echo hello");
    expect(requests("device_id=").filter((request) => !request.includes("whoami"))).toEqual([]);
    const { problems, homeserver } = await health();
    expect([problems, homeserver.reachable]).toEqual([[], true]);
    expect(homeserver.lacks).toEqual([
      expect.stringContaining("no devices"),
      expect.stringContaining("does not take the device"),
      expect.stringContaining("no ping"),
    ]);
    expect(world.lines).toContainEqual('homeserver_capabilities {"devices":false,"deviceId":false,"ping":false}');
  });

  test("is answered in although an agent is invited before anything is known of the homeserver", async () => {
    await begin("devices", "deviceId");
    await askInDirectChat("hello");
    await answered("echo hello");
    expect(world.server.sent).toMatchObject([{ userId: ECHO, deviceId: "" }]);
  });

  test.for<[Capability, boolean]>([
    ["devices", false],
    ["deviceId", false],
    ["ping", true],
  ])("one that lacks only %s: a device is used: %s", async ([lacked, isUsed]) => {
    await begin(lacked);
    await start();
    await askInDirectChat("hello");
    await answered("echo hello");
    expect((await health()).homeserver.lacks).toHaveLength(1);
    expect(world.server.sent).toMatchObject([{ deviceId: isUsed ? "TROUPE" : "" }]);
  });

  test("one that has everything lacks nothing, and is asked once a day or when its version changes", async () => {
    await begin();
    await start();
    expect((await health()).homeserver.lacks).toEqual([]);
    const asked = () => requests("PUT /_matrix/client/v3/devices/TROUPE").length;
    const before = asked();
    const upkeep = async (ms: number) => {
      clock.move(ms);
      await world.app.tend();
      return asked() - before;
    };
    expect([await upkeep(6 * 60_000), await upkeep(60 * 60_000)]).toEqual([0, 0]);
    world.server.versions.push("v1.12");
    expect([await upkeep(6 * 60_000), await upkeep(6 * 60_000)]).toEqual([1, 1]);
    expect(await upkeep(DAY_MS)).toBe(2);
  });

  /** @see https://github.com/timokoesters/conduit/blob/2c36e0df0c29009765989dfc773ba48b9cbd6f86/conduit/src/api/client_server/message.rs */
  test("one that shows the past of a room to no appservice, as Conduit: a join does without", async () => {
    await begin();
    world.server.answerFirst = ({ path }) =>
      path.endsWith("/messages")
        ? Response.json({ errcode: "M_UNKNOWN", error: "Internal server error" }, { status: 500 })
        : undefined;
    world.server.members.set(ROOM, [ALICE, ECHO]);
    await world.push(invite(), aMessage("hello"));
    for (let minute = 0; minute < 2; minute++) {
      await vi.waitFor(async () => expect(await world.ledger.dueLanes(clock.now(), 10)).toEqual([]), soon);
      clock.move(60_000);
      await world.app.sweep();
    }
    await answered("echo hello");
  });

  test("users lose their device with another homeserver, and get one back with the next", async () => {
    await begin();
    await world.joined(ALICE, ECHO);
    await start();
    await world.push(aMessage("one"));
    await answered("echo one");
    for (const one of ["devices", "deviceId"] as const) world.server.lacks.add(one);
    world.server.versions.push("v1.2");
    clock.move(6 * 60_000);
    await world.app.tend();
    await world.push(aMessage("two"));
    await answered("echo one", "echo two");
    world.server.lacks.clear();
    world.server.versions.pop();
    clock.move(6 * 60_000);
    await world.app.tend();
    await world.push(aMessage("three"));
    await answered("echo one", "echo two", "echo three");
    expect(world.server.sent.map(({ deviceId }) => deviceId)).toEqual(["TROUPE", "", "TROUPE"]);
  });

  test("what it cannot say now stays as it was, and is asked at the next ping", async () => {
    await begin("devices", "deviceId");
    await start();
    world.server.versions.push("v1.2");
    const broken = () => Response.json({ errcode: "M_UNKNOWN", error: "Internal server error" }, { status: 500 });
    world.server.answerFirst = ({ path }) => (path.includes("/devices/") ? broken() : undefined);
    clock.move(6 * 60_000);
    await world.app.tend();
    expect((await health()).homeserver.lacks).toHaveLength(2);
    delete world.server.answerFirst;
    world.server.lacks.clear();
    clock.move(6 * 60_000);
    await world.app.tend();
    expect((await health()).homeserver.lacks).toEqual([]);
  });
});

describe("kind 9: one step holds up the others", () => {
  test("a step of the upkeep that fails does not keep old rows", async () => {
    await begin();
    const prunes = vi.spyOn(world.ledger, "prune");
    vi.spyOn(world.ledger, "verdicts").mockRejectedValueOnce(new Error("no verdicts"));
    await expect(world.app.tend()).rejects.toThrow("no verdicts");
    expect(prunes).toHaveBeenCalled();
  });
});

describe("a message to a homeserver that forgets its transaction ids", () => {
  /** The room as it is read back: what was sent, newest first, and others' messages that a filter would leave out. */
  const showRoom = () => {
    const sent = world.server.sent.map(({ userId, content, eventId }) => ({
      type: "m.room.message",
      sender: userId,
      content,
      event_id: eventId,
      origin_server_ts: 1,
    }));
    world.server.history.set(ROOM, ["no event", aMessage("another"), ...sent.toReversed()]);
  };
  const sends = () => requests("/send/");
  const settled = () =>
    vi.waitFor(
      async () => {
        clock.move(10_000);
        await world.app.sweep();
        await world.settled();
      },
      { timeout: 10_000, interval: 100 },
    );
  const inChat = async () => {
    await begin("devices", "deviceId");
    await world.joined(ALICE, ECHO);
    await start();
    await world.ledger.setGhost({ userId: UserId.parse(ECHO), deviceId: "", profile: '["echo"]' });
  };

  test("whose answer was lost is found in the room after its restart, and is not sent again", async () => {
    await inChat();
    world.server.loseAnswers = 1;
    world.server.answerFirst = ({ path }) => {
      // Its restart: it is away until the message is in the room and its transaction id forgotten.
      if (path.includes("/messages")) {
        world.server.forgetSends();
        showRoom();
      }
      return undefined;
    };
    await world.push(aMessage("hello"));
    await vi.waitFor(() => expect(world.lines.some((line) => line.startsWith("send_retried"))).toBe(true), soon);
    await settled();
    expect([world.bodies(), sends().length]).toEqual([["echo hello"], 1]);
    expect(requests("/messages").at(-1)).toContain("filter=");
    // What it was found as is what the ledger knows of it: the next answer goes on from there.
    await world.push(aMessage("again"));
    await answered("echo hello", "echo again");
  });

  test("that appears only a moment after the restart is not sent again either", async () => {
    await inChat();
    world.server.loseAnswers = 1;
    let looks = 0;
    world.server.answerFirst = ({ path }) => {
      if (!path.includes("/messages")) return undefined;
      world.server.forgetSends();
      if (++looks === 2) showRoom();
      return undefined;
    };
    await world.push(aMessage("hello"));
    await vi.waitFor(() => expect(world.lines.some((line) => line.startsWith("send_retried"))).toBe(true), soon);
    await settled();
    expect([world.bodies(), looks]).toEqual([["echo hello"], 2]);
  });

  test("that never arrived is sent, once the room can be read", async () => {
    await inChat();
    world.server.refusals.push("unreachable");
    let failures = 2;
    world.server.answerFirst = ({ path }) =>
      path.includes("/messages") && failures-- > 0
        ? Response.json({ errcode: "M_UNKNOWN", error: "Internal server error" }, { status: 500 })
        : undefined;
    await world.push(aMessage("hello"));
    await vi.waitFor(() => expect(world.lines.some((line) => line.startsWith("send_retried"))).toBe(true), soon);
    expect(world.bodies()).toEqual([]);
    await settled();
    expect([world.bodies(), failures < 0]).toEqual([["echo hello"], true]);
  });

  test("is sent after some tries where its room can never be read", async () => {
    await inChat();
    world.server.refusals.push("unreachable");
    world.server.answerFirst = ({ path }) =>
      path.includes("/messages")
        ? Response.json({ errcode: "M_UNKNOWN", error: "Internal server error" }, { status: 500 })
        : undefined;
    await world.push(aMessage("hello"));
    await vi.waitFor(() => expect(world.lines.some((line) => line.startsWith("send_retried"))).toBe(true), soon);
    await settled();
    expect(world.bodies()).toEqual(["echo hello"]);
    expect(requests("/messages").length).toBeGreaterThan(2);
  });

  test("that is sent for the first time costs no reading", async () => {
    await inChat();
    const before = requests("/messages").length;
    await world.push(aMessage("hello"));
    await answered("echo hello");
    await settled();
    expect(requests("/messages").length).toBe(before);
  });
});
