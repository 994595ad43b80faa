/** Trouble with one event, from end to end: nothing else waits for it longer than it has to. */
import type { Client } from "@libsql/client";
import { afterEach, describe, expect, test, vi } from "vitest";
import { EventId, RoomId } from "#core/protocol/ids.ts";
import { type Composed, composed } from "#testing/composed.ts";
import { aMembership, aMessage } from "#testing/events.ts";
import { aSpec, member } from "#testing/ledger-rows.ts";
import { type MovingClock, movingClock } from "#testing/moving-clock.ts";
import { ALICE, ECHO, soon } from "#testing/room.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { REPAIR_MARK } from "./lanes/repair.ts";

let world: Composed;
let clock: MovingClock;
let client: Client;

async function begin(): Promise<void> {
  clock = movingClock();
  const temporary = await temporaryLedger();
  ({ client } = temporary);
  await temporary.ledger.setAgents([aSpec("echo")]);
  world = await composed({}, {}, clock, temporary);
  await world.joined(ALICE, ECHO);
}
afterEach(() => world.close());

/** The database complains about this verdict on this event, and about no other. */
const complainAbout = (eventId: string, verdict: string) =>
  client.execute(`
    CREATE TRIGGER complaint BEFORE UPDATE ON events WHEN NEW.event_id = '${eventId}' AND NEW.verdict = '${verdict}'
    BEGIN SELECT RAISE(ABORT, 'the database complains'); END`);

const verdictOf = async (event: { event_id: string }) => world.ledger.verdictOf(EventId.parse(event.event_id));
const logged = (event: string) => world.lines.filter((line) => line.startsWith(`${event} `)).length;

/** Lets time pass and everything that is due happen. */
async function pass(ms: number): Promise<void> {
  clock.move(ms);
  await world.app.sweep();
  await vi.waitFor(async () => expect(await world.ledger.dueLanes(clock.now(), 10)).toEqual([]), soon);
}

/** Lets an hour pass in steps, until the event has its verdict. Gives the milliseconds that passed. */
async function untilDecided(event: { event_id: string }, stepMs = 5_000): Promise<number> {
  for (let ms = 0; ms < 3_600_000; ms += stepMs) {
    if ((await verdictOf(event))?.verdict !== undefined) return ms;
    await pass(stepMs);
  }
  throw new Error("it was never decided");
}

describe("an event whose handling fails", () => {
  test("five times is a dead letter, and what is behind it is answered", async () => {
    await begin();
    const [before, broken, after] = [aMessage("before"), aMessage("broken"), aMessage("after")];
    await complainAbout(broken.event_id, "wake_direct");
    await world.push(before, broken, after);
    await vi.waitFor(() => expect(logged("event_failed")).toBe(1), soon);
    expect((await verdictOf(after))?.verdict).toBeUndefined();
    // 5, 10, 20 and 40 seconds, and a quarter more at most.
    expect(await untilDecided(broken)).toBeGreaterThanOrEqual(75_000);
    await vi.waitFor(() => expect(world.bodies()).toEqual(["echo before", "echo after"]), soon);
    expect(await verdictOf(broken)).toMatchObject({ verdict: "given_up", evidence: { failures: 5 } });
    expect(await world.ledger.deadLetters(10)).toMatchObject([
      { kind: "event", reason: expect.stringContaining("the database complains"), raw: JSON.stringify(broken) },
    ]);
    expect(logged("event_failed")).toBe(5);
  });

  test("is not tried again at a ring, only when it is due", async () => {
    await begin();
    const broken = aMessage("broken");
    await complainAbout(broken.event_id, "wake_direct");
    await world.push(broken);
    await vi.waitFor(() => expect(logged("event_failed")).toBe(1), soon);
    for (let count = 0; count < 10; count++) await world.push(aMessage("more"));
    await pass(1_000);
    expect(logged("event_failed")).toBe(1);
    await pass(10_000);
    expect(logged("event_failed")).toBe(2);
  });

  test("does not spoil the verdicts that would be stored together with its own", async () => {
    await begin();
    const notices = Array.from({ length: 5 }, () => aMessage("x", { content: { msgtype: "m.notice", body: "x" } }));
    const [, , broken] = notices;
    if (!broken) throw new Error("there is no event");
    await complainAbout(broken.event_id, "notice");
    await world.push(...notices);
    await untilDecided(broken);
    await pass(0);
    // A lane that is at work is not due.
    await vi.waitFor(async () => {
      const verdicts = await Promise.all(notices.map(async (notice) => (await verdictOf(notice))?.verdict));
      expect(verdicts).toEqual(["notice", "notice", "given_up", "notice", "notice"]);
    }, soon);
  });
});

describe("an invitation", () => {
  const invitation = () => aMembership(ECHO, "invite", { room_id: "!far", content: { membership: "invite" } });
  const unanswered = (path: string) => (path.endsWith("/join") ? ("unreachable" as const) : undefined);

  test("whose join is never answered is given up after ten minutes, and costs no other room anything", async () => {
    await begin();
    world.server.answerFirst = ({ path }) => unanswered(path);
    const invite = invitation();
    await world.push(invite);
    const ms = await untilDecided(invite, 20_000);
    expect(ms).toBeGreaterThanOrEqual(600_000);
    expect(ms).toBeLessThan(800_000);
    expect(await verdictOf(invite)).toMatchObject({ verdict: "given_up", evidence: { status: 0 } });
    expect(await world.ledger.mark(REPAIR_MARK)).toBeUndefined();
    expect(logged("join_failed")).toBeLessThan(15);
    expect(await world.ledger.deadLetters(10)).toHaveLength(1);
  });

  test("is not given up while the homeserver answers nothing, and every room is read back then", async () => {
    await begin();
    world.server.answerFirst = () => "unreachable";
    const invite = invitation();
    await world.push(invite);
    for (let minutes = 0; minutes < 60; minutes += 2) await pass(120_000);
    expect((await verdictOf(invite))?.verdict).toBeUndefined();
    expect(await world.ledger.mark(REPAIR_MARK)).toBe("due");
    // The tries of the outage do not count: a room that fails a little longer is still joined.
    let failing = 3;
    world.server.answerFirst = ({ path }) => (path.endsWith("/join") && failing-- > 0 ? "unreachable" : undefined);
    await untilDecided(invite);
    expect(await verdictOf(invite)).toMatchObject({ verdict: "join" });
  });

  test("is not given up while a proxy gives every request an answer of its own, with 200", async () => {
    await begin();
    world.server.answerFirst = () => Response.json({ hello: "proxy" });
    const invite = invitation();
    await world.push(invite);
    for (let minutes = 0; minutes < 30; minutes += 2) await pass(120_000);
    expect((await verdictOf(invite))?.verdict).toBeUndefined();
    delete world.server.answerFirst;
    await untilDecided(invite);
    expect(await verdictOf(invite)).toMatchObject({ verdict: "join" });
  });

  test("that the homeserver limits is tried again when it says so", async () => {
    await begin();
    let limited = 3;
    const limit = () => Response.json({ errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 400_000 }, { status: 429 });
    world.server.answerFirst = ({ path }) => (path.endsWith("/join") && limited-- > 0 ? limit() : undefined);
    const invite = invitation();
    await world.push(invite);
    expect(await untilDecided(invite, 20_000)).toBeGreaterThanOrEqual(1_200_000);
    expect(await verdictOf(invite)).toMatchObject({ verdict: "join" });
  });
});

test("a command to join a room whose server limits joins is answered, and its own room goes on", async () => {
  await begin();
  await world.ledger.setAgents([aSpec("echo", { admins: [ALICE] })]);
  const limit = () => Response.json({ errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 400_000 }, { status: 429 });
  world.server.answerFirst = ({ path }) => (path.includes("/join/") ? limit() : undefined);
  await world.push(aMessage("!join !far:evil.test"), aMessage("after"));
  await vi.waitFor(() => expect(world.bodies()).toContain("echo after"), soon);
  expect(world.bodies()).toContainEqual(expect.stringContaining("could not"));
});

test("a database that fails is told in the log by the sweep and by the start, and ends neither", async () => {
  await begin();
  client.close();
  expect(await world.app.sweep()).toBe(0);
  expect(await world.app.enter()).toBe(false);
  expect([logged("sweep_failed"), logged("tend_failed")]).toEqual([1, 1]);
});

test("a room in which the homeserver fails everything keeps no other room waiting, nor the upkeep", async () => {
  await begin();
  const [lost, before] = [aMessage("lost"), aMessage("before")];
  world.server.answerFirst = ({ path }) =>
    path.includes("!broken") ? Response.json({ errcode: "M_UNKNOWN" }, { status: 500 }) : undefined;
  const direct = [ALICE, ECHO].map((user) => ({ ...member(user), direct: true }));
  await world.ledger.setMembers(RoomId.parse("!broken"), direct);
  const invite = aMembership("@agent_echo:hs.test", "invite", {
    room_id: "!broken2",
    content: { membership: "invite" },
  });
  await world.push(aMessage("never sent", { room_id: "!broken" }), invite);
  await world.push(before);
  await vi.waitFor(() => expect(world.bodies()).toEqual(["echo before"]), soon);
  world.server.history.set("!room", [lost, before]);
  await world.ledger.setMark(REPAIR_MARK, "due");
  await world.app.tend();
  await vi.waitFor(() => expect(world.bodies()).toEqual(["echo before", "echo lost"]), soon);
  expect(await world.ledger.mark(REPAIR_MARK)).toBe("done");
  expect(logged("homeserver_unreachable")).toBe(0);
});

test("an alias whose server does not answer keeps its room, and is not asked for at every upkeep", async () => {
  await begin();
  const [hanging, others] = ["#far:evil.test", Array.from({ length: 3 }, (_, at) => `#other${at}:hs.test`)];
  for (const alias of [hanging, ...others]) await world.ledger.setAlias(alias, RoomId.parse("!room"), 0);
  for (const alias of others) world.server.aliases.set(alias, "!room");
  world.server.answerFirst = ({ path }) => (path.includes("evil.test") ? "unreachable" : undefined);
  const asked = () => world.server.requests.filter((request) => request.includes("/directory/")).length;
  await world.app.tend();
  expect(asked()).toBe(4);
  expect((await world.ledger.aliases()).map(({ roomId }) => roomId)).toEqual(Array(4).fill("!room"));
  clock.move(60_000);
  await world.app.tend();
  expect(asked()).toBe(4);
  clock.move(300_000);
  await world.app.tend();
  expect(asked()).toBe(5);
});
