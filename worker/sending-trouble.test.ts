/** Messages that the homeserver does not take, from end to end: one of them never holds up another one for long. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { RoomId } from "#core/protocol/ids.ts";
import { type Composed, composed } from "#testing/composed.ts";
import type { DatabaseCall } from "#testing/database-calls.ts";
import { aMessage } from "#testing/events.ts";
import { aSpec, member } from "#testing/ledger-rows.ts";
import { type MovingClock, movingClock } from "#testing/moving-clock.ts";
import { ALICE, BOB, ECHO, soon } from "#testing/room.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";

let world: Composed;
let clock: MovingClock;

async function begin(agent: Record<string, unknown> = {}): Promise<void> {
  clock = movingClock();
  const temporary = await temporaryLedger();
  await temporary.ledger.setAgents([aSpec("echo", agent)]);
  world = await composed({}, {}, clock, temporary);
  await world.joined(ALICE, ECHO);
}
afterEach(() => world.close());

async function pass(ms: number): Promise<void> {
  clock.move(ms);
  await world.app.sweep();
  await vi.waitFor(async () => expect(await world.ledger.dueLanes(clock.now(), 10)).toEqual([]), soon);
}

/** Lets time pass until nothing of it is open, at most so many steps. */
async function untilSettled(steps: number, stepMs = 10_000): Promise<number> {
  for (let step = 0; step < steps; step++) {
    const { undecidedEvents, openTurns, outboxRows } = await world.ledger.figures(clock.now());
    if (undecidedEvents + openTurns + outboxRows === 0) return step * stepMs;
    await pass(stepMs);
  }
  throw new Error("something stayed open");
}

const sends = (path: string) => path.includes("/send/");
const broken = () => Response.json({ errcode: "M_UNKNOWN", error: "Internal server error" }, { status: 500 });
const away = () => new Response("Bad gateway", { status: 502 });
const letters = () => world.ledger.deadLetters(10);

describe("a message that the homeserver fails again and again", () => {
  /** The first message that is tried fails always. */
  function failFirst(): void {
    let first: string | undefined;
    world.server.answerFirst = ({ path }) => {
      if (sends(path)) first ??= path;
      return path === first ? broken() : undefined;
    };
  }

  test("is buried while it stores other things, and the question behind it is answered", async () => {
    await begin();
    failFirst();
    await world.push(aMessage("one"), aMessage("two"));
    const ms = await untilSettled(60);
    expect(world.bodies()).toEqual(["echo two"]);
    expect(ms).toBeGreaterThan(60_000);
    expect(await letters()).toMatchObject([{ kind: "outbox", reason: expect.stringContaining("8 times: 500") }]);
  });

  test("does not make the question behind it late", async () => {
    await begin({ turns: { replyAge: 60 } });
    failFirst();
    await world.push(aMessage("one"), aMessage("two"));
    await untilSettled(60);
    expect(world.bodies()).toEqual(["echo two"]);
  });

  test("does not make another conversation's answer behind it late", async () => {
    await begin({ turns: { replyAge: 60 }, scope: "user" });
    await world.joined(ALICE, BOB, ECHO);
    failFirst();
    const content = { msgtype: "m.text", body: "two", "m.mentions": { user_ids: [ECHO] } };
    await world.push(
      aMessage("one", { content: { ...content, body: "one" } }),
      aMessage("two", { sender: BOB, content }),
    );
    await untilSettled(60);
    expect(world.bodies()).toEqual(["echo two"]);
  });

  test("is buried also where the failures differ, as those of a proxy and of the homeserver do", async () => {
    await begin();
    let tries = 0;
    world.server.answerFirst = ({ path }) => {
      if (!sends(path)) return undefined;
      return tries++ % 2 === 0 ? broken() : new Response("Gateway timeout", { status: 504 });
    };
    await world.push(aMessage("one"));
    expect(await untilSettled(60)).toBeLessThan(10 * 60_000);
    expect(await letters()).toMatchObject([{ kind: "outbox" }]);
  });

  test("is kept through an outage, though it fails once more at its end", async () => {
    await begin();
    world.server.answerFirst = ({ path }) => (sends(path) || path.includes("/account_data/") ? away() : undefined);
    await world.push(aMessage("one"));
    for (let minute = 0; minute < 20; minute++) await pass(60_000);
    let once = true;
    world.server.answerFirst = ({ path }) => {
      if (!once || !sends(path)) return undefined;
      once = false;
      return away();
    };
    await untilSettled(20);
    expect([world.bodies(), await letters()]).toEqual([["echo one"], []]);
  });

  test("is kept while the homeserver stores nothing", async () => {
    await begin();
    world.server.answerFirst = ({ path }) => (sends(path) || path.includes("/account_data/") ? broken() : undefined);
    await world.push(aMessage("one"));
    for (let minute = 0; minute < 30; minute++) await pass(60_000);
    expect(await letters()).toEqual([]);
    delete world.server.answerFirst;
    await untilSettled(10);
    expect(world.bodies()).toEqual(["echo one"]);
  });

  test("is kept while a proxy gives every request an answer of its own, with 200", async () => {
    await begin();
    await world.push(aMessage("before"));
    await untilSettled(10);
    world.server.answerFirst = () => Response.json({ hello: "proxy" });
    await world.push(aMessage("one"));
    for (let minute = 0; minute < 30; minute++) await pass(60_000);
    expect(await letters()).toEqual([]);
    delete world.server.answerFirst;
    await untilSettled(10);
    expect(world.bodies()).toEqual(["echo before", "echo one"]);
  });

  test("is kept while it is asked to wait", async () => {
    await begin();
    let tries = 0;
    const limit = () => Response.json({ errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 1_000 }, { status: 429 });
    world.server.answerFirst = ({ path }) => {
      if (!sends(path) || tries > 3 * BOUNDS.equalRefusals.max) return undefined;
      tries++;
      return tries % 3 === 0 ? broken() : limit();
    };
    await world.push(aMessage("one"));
    await untilSettled(200);
    expect([world.bodies(), await letters()]).toEqual([["echo one"], []]);
  });
});

test("a turn whose answer cannot be sent is looked at as often as that is tried", async () => {
  const calls: DatabaseCall[] = [];
  clock = movingClock();
  const temporary = await temporaryLedger(calls);
  await temporary.ledger.setAgents([aSpec("echo")]);
  world = await composed({}, {}, clock, temporary);
  await world.joined(ALICE, ECHO);
  let tries = 0;
  world.server.answerFirst = ({ path }) => {
    if (!sends(path)) return undefined;
    tries++;
    return away();
  };
  await world.push(aMessage("one"));
  for (let second = 0; second < 600; second += 2) await pass(2_000);
  const claims = calls.filter(({ method }) => method === "claim").length;
  expect(tries).toBeGreaterThan(5);
  expect(claims).toBeLessThan(5 * tries);
});

describe("a user of ours that the homeserver has lost", () => {
  const lose = (what: "device" | "account") => {
    world.server.devices.delete(`${ECHO}|TROUPE`);
    if (what === "account") world.server.users.delete(ECHO);
  };

  test.for(["device", "account"] as const)("with its %s is made anew, and the message is sent", async (what) => {
    await begin();
    await world.push(aMessage("one"));
    await untilSettled(5);
    lose(what);
    await world.push(aMessage("two"));
    await untilSettled(5);
    expect(world.bodies()).toEqual(["echo one", "echo two"]);
    expect(world.server.devices).toContain(`${ECHO}|TROUPE`);
    expect(await letters()).toEqual([]);
    // Its name is shown again.
    await world.push(aMessage("three"));
    await untilSettled(5);
    expect(world.server.requests.filter((request) => request.includes("/displayname")).length).toBeGreaterThan(0);
  });

  test("is made anew once for all its rooms, and no message of any of them is lost", async () => {
    await begin();
    await world.push(aMessage("one"));
    await untilSettled(5);
    const rooms = ["!a", "!b", "!c", "!d"];
    for (const room of rooms) {
      const members = [ALICE, ECHO].map((user) => ({ ...member(user), direct: true }));
      await world.ledger.setMembers(RoomId.parse(room), members);
    }
    lose("device");
    world.server.requests.length = 0;
    await world.push(...rooms.map((room_id) => aMessage(`in ${room_id}`, { room_id })));
    await untilSettled(5);
    expect(world.bodies().slice(1).sort()).toEqual(rooms.map((room) => `echo in ${room}`));
    expect(await letters()).toEqual([]);
    expect(world.server.requests.filter((request) => request.includes("/register"))).toHaveLength(1);
  });

  test("is the bot: the start makes it anew", async () => {
    await begin();
    expect(await world.app.enter()).toBe(true);
    world.server.devices.delete("@troupe:hs.test|TROUPE");
    expect(await world.app.enter()).toBe(true);
  });

  test("again and again is made anew once in some minutes", async () => {
    await begin();
    await world.push(aMessage("one"));
    await untilSettled(5);
    world.server.requests.length = 0;
    world.server.answerFirst = ({ path, userId }) =>
      userId === ECHO && !path.includes("/devices/")
        ? Response.json({ errcode: "M_UNKNOWN_DEVICE", error: "Unknown device" }, { status: 400 })
        : undefined;
    for (let count = 0; count < 5; count++) await world.push(aMessage("x"));
    await untilSettled(20);
    expect(world.server.requests.filter((request) => request.includes("/register"))).toHaveLength(1);
    expect((await letters()).length).toBeGreaterThan(0);
  });
});
