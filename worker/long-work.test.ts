/**
 * Work that is too long for one invocation of the Worker. Each alarm of a lane, and each upkeep, makes no more calls than
 * Cloudflare allows with much room to spare, goes on where the one before ended, and comes to an end, whatever is killed.
 */
import { afterEach, describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import { Environment } from "#core/configuration/environment.ts";
import { EventId, RoomId, UserId } from "#core/protocol/ids.ts";
import type { LaneId } from "#core/turn/lane.ts";
import type { Ledger } from "#ports/ledger.ts";
import { type DatabaseCall, namingLedger, recordedDatabase } from "#testing/database-calls.ts";
import { aMembership, aMessage, anEvent } from "#testing/events.ts";
import { type FakeHomeserver, fakeHomeserver } from "#testing/homeserver.ts";
import { aSpec, ghost, member, NAMESPACE, ROOM } from "#testing/ledger-rows.ts";
import { ALICE } from "#testing/room.ts";
import { type TemporaryLedger, temporaryLedger } from "#testing/temp-ledger.ts";
import { type App, compose } from "./app.ts";
import { systemClock } from "./clock.ts";
import { createMeter } from "./host/meter.ts";
import { COMPARE_MARK } from "./lanes/compare.ts";
import { REPAIR_MARK } from "./lanes/repair.ts";
import { createLedger } from "./ledger/ledger.ts";
import type { Database } from "./ledger/sql/database.ts";
import { libsqlDatabase } from "./ledger/sql/libsql.ts";

const TOKENS = { AS_TOKEN: "as-token-of-tests", HS_TOKEN: "hs-token-of-tests", ADMIN_TOKEN: "admin-of-tests" };
const environment = Environment.parse({
  HOMESERVER_URL: "http://hs.test",
  SERVER_NAME: "hs.test",
  // Otherwise a minute would have to pass between the questions of a backlog.
  SENDER_TURNS_PER_MINUTE: "0",
  ROOM_TURNS_PER_MINUTE: "0",
  ...TOKENS,
});
const AGENTS = Array.from({ length: 200 }, (_, at) => `a${String(at).padStart(3, "0")}`);
const OTHER = RoomId.parse("!other");

/** A Worker whose alarms the test sets off one by one. */
interface Alarms {
  ledger: Ledger;
  server: FakeHomeserver;
  /** The statements and requests of each alarm and upkeep so far. */
  runs: number[];
  /** Sets off the alarm of a lane, as a new invocation. */
  alarm(lane: LaneId): Promise<void>;
  /** Sets off the alarms of everything that is due, until nothing is. */
  settle(): Promise<void>;
  tend(): Promise<void>;
  /** The next run dies after this many statements: nothing that it does afterwards has an effect. */
  dieAfter(statements: number): void;
}

let temporary: TemporaryLedger | undefined;
afterEach(() => temporary?.close());

async function worker(): Promise<Alarms> {
  temporary = await temporaryLedger();
  const calls: DatabaseCall[] = [];
  const meter = createMeter();
  let untilDeath = Number.POSITIVE_INFINITY;
  const database = mortal(libsqlDatabase(temporary.client, NAMESPACE), (count) => {
    untilDeath -= count;
    if (untilDeath < 0) throw new Error("killed");
  });
  const ledger = namingLedger(createLedger(meter.database(recordedDatabase(database, calls))));
  const server = fakeHomeserver(TOKENS.AS_TOKEN);
  const start = (): App =>
    compose({
      environment,
      ledger,
      clock: systemClock,
      runner: "object",
      mayBegin: () => true,
      mayGoOn: () => meter.mayGoOn(),
      turnMsMax: 60_000,
      metrics: "json",
      env: () => undefined,
      fetch: meter.fetch(server.fetch),
      log: () => undefined,
      doorbell: () => ({ ring: async () => undefined }),
    });
  let app = start();
  const runs: number[] = [];
  const invoke = async (work: () => Promise<unknown>) => {
    const [from, requests] = [calls.length, server.requests.length];
    meter.reset();
    await work().catch(() => undefined);
    const statements = calls.slice(from).reduce((sum, call) => sum + call.statements.length, 0);
    runs.push(statements + server.requests.length - requests);
    if (untilDeath < 0) app = start();
    untilDeath = Number.POSITIVE_INFINITY;
  };
  const alarm = (lane: LaneId) => invoke(() => app.pump.run(lane));
  return {
    ledger,
    server,
    runs,
    alarm,
    async settle() {
      for (let count = 0; count < 2_000; count++) {
        const due = await ledger.dueLanes(Date.now() + 60_000, 10);
        if (due.length === 0) return;
        for (const lane of due) await alarm(lane);
      }
      throw new Error("the work does not come to an end");
    },
    tend: () => invoke(() => app.tend()),
    dieAfter: (statements) => {
      untilDeath = statements;
    },
  };
}

const mortal = (database: Database, spend: (statements: number) => void): Database => ({
  ...database,
  async all(statement, durability) {
    spend(1);
    return database.all(statement, durability);
  },
  async atomic(statements, durability) {
    spend(statements.length);
    return database.atomic(statements, durability);
  },
});

/** A room with Alice and 200 agents, and another room with Alice and the first of them. */
async function crowdedRoom({ ledger, server }: Alarms): Promise<void> {
  await ledger.setAgents(AGENTS.map((id) => aSpec(id, { introduction: `I am ${id}.` })));
  const ghosts = AGENTS.map((id) => ghost(id));
  for (const { userId } of ghosts) {
    server.users.add(userId);
    server.devices.add(`${userId}|TROUPE`);
    await ledger.setGhost({ userId: UserId.parse(userId), deviceId: "TROUPE" });
  }
  await ledger.setMembers(ROOM, [member(ALICE), ...ghosts]);
  server.members.set(ROOM, [ALICE, ...ghosts.map(({ userId }) => userId)]);
  await ledger.setMembers(
    OTHER,
    [member(ALICE), ...ghosts.slice(0, 1)].map((one) => ({ ...one, direct: true })),
  );
}

const push = (ledger: Ledger, ...events: ReturnType<typeof anEvent>[]) =>
  ledger.accept({ events, deadLetters: [], nowMs: Date.now() });
const verdictOf = async (ledger: Ledger, event: { event_id: string }) =>
  (await ledger.verdictOf(EventId.parse(event.event_id)))?.verdict;
const usersOf = (requests: readonly string[], path: RegExp) =>
  new Set(requests.filter((request) => path.test(request)).map((request) => request.match(/user_id=([^&]+)/)?.[1]));

/** Has the room replaced. Gives the tombstone and a message behind it. */
async function upgrade({ ledger, server }: Alarms) {
  server.members.set("!next", [ALICE]);
  const content = { room_version: "12", predecessor: { room_id: ROOM } };
  server.state.set("!next|m.room.create", { sender: ALICE, content });
  const tombstone = anEvent({ type: "m.room.tombstone", state_key: "", content: { replacement_room: "!next" } });
  const behind = aMessage("behind", { content: { "m.mentions": { user_ids: ["@agent_a007:hs.test"] } } });
  await push(ledger, tombstone, behind);
  return { tombstone, behind };
}

describe("a room of 200 agents", () => {
  test("that is replaced is followed in many runs; its later events wait, those of other rooms do not", async () => {
    const at = await worker();
    await crowdedRoom(at);
    const { tombstone, behind } = await upgrade(at);
    await at.alarm(`room:${ROOM}`);
    expect(await verdictOf(at.ledger, tombstone)).toBeUndefined();
    const elsewhere = aMessage("elsewhere", { room_id: OTHER });
    await push(at.ledger, elsewhere);
    await at.alarm(`room:${OTHER}`);
    expect(await verdictOf(at.ledger, elsewhere)).toBe("wake_direct");
    expect(await verdictOf(at.ledger, behind)).toBeUndefined();
    await at.settle();
    expect(await verdictOf(at.ledger, tombstone)).toBe("follow");
    expect(await verdictOf(at.ledger, behind)).toBe("wake_mention");
    expect(usersOf(at.server.requests, /\/join\/!next/).size).toBe(AGENTS.length);
    const said = at.server.sent.map(({ content }) => String(content["body"]));
    for (const id of AGENTS.slice(0, 15)) expect(said.filter((body) => body === `I am ${id}.`)).toHaveLength(1);
    expect(Math.max(...at.runs)).toBeLessThanOrEqual(BOUNDS.callsARun.max);
    // No agent is moved a second time because a run ended.
    expect(at.server.requests.filter((request) => /\/join\/!next/.test(request))).toHaveLength(AGENTS.length);
  }, 60_000);

  test("that is replaced is followed by all of them, whenever a run is killed", async () => {
    const at = await worker();
    await crowdedRoom(at);
    const { tombstone } = await upgrade(at);
    for (let count = 0; count < 40; count++) {
      at.dieAfter(7 + count * 9);
      await at.alarm(`room:${ROOM}`);
    }
    await at.settle();
    expect(await verdictOf(at.ledger, tombstone)).toBe("follow");
    expect(usersOf(at.server.requests, /\/join\/!next/).size).toBe(AGENTS.length);
    const said = at.server.sent.map(({ content }) => String(content["body"]));
    expect(said.length).toBe(new Set(said).size);
    expect(Math.max(...at.runs)).toBeLessThanOrEqual(BOUNDS.callsARun.max);
  }, 60_000);

  test("that everybody else has left is left by all of them, whenever a run is killed", async () => {
    const at = await worker();
    await crowdedRoom(at);
    at.server.members.set(
      ROOM,
      AGENTS.map((id) => `@agent_${id}:hs.test`),
    );
    const left = aMembership(ALICE, "leave");
    await push(at.ledger, left);
    for (let count = 0; count < 10; count++) {
      at.dieAfter(5 + count * 40);
      await at.alarm(`room:${ROOM}`);
    }
    await at.settle();
    expect(await verdictOf(at.ledger, left)).toBe("depart");
    expect(usersOf(at.server.requests, /\/leave/).size).toBe(AGENTS.length);
    expect(Math.max(...at.runs)).toBeLessThanOrEqual(BOUNDS.callsARun.max);
  }, 60_000);

  test("in which somebody still is is left by nobody", async () => {
    const at = await worker();
    await crowdedRoom(at);
    const left = aMembership(ALICE, "leave");
    at.server.members.get(ROOM)?.push("@bob:hs.test");
    await push(at.ledger, left);
    await at.settle();
    expect(await verdictOf(at.ledger, left)).toBe("membership");
    expect(usersOf(at.server.requests, /\/leave/).size).toBe(0);
    expect(await at.ledger.hasPeople(ROOM, undefined)).toBe(true);
  });
});

test("a backlog of questions is decided and answered in runs that stay within the limits", async () => {
  const at = await worker();
  await crowdedRoom(at);
  const questions = Array.from({ length: 120 }, (_, count) =>
    aMessage(`question ${count}`, {
      content: { "m.mentions": { user_ids: [`@agent_${AGENTS[count]}:hs.test`] } },
    }),
  );
  await push(at.ledger, ...questions);
  await at.settle();
  expect(at.server.sent.filter(({ content }) => /question/.test(String(content["body"])))).toHaveLength(120);
  expect(Math.max(...at.runs)).toBeLessThanOrEqual(BOUNDS.callsARun.max);
}, 60_000);

test("a message that wakes twenty agents fits into what is kept free for a step", async () => {
  const at = await worker();
  await crowdedRoom(at);
  await at.ledger.setMembers(ROOM, [member(ALICE), ...AGENTS.slice(0, 20).map((id) => ghost(id))]);
  const user_ids = AGENTS.slice(0, 20).map((id) => `@agent_${id}:hs.test`);
  await push(at.ledger, aMessage("all of you", { content: { "m.mentions": { user_ids } } }));
  await at.alarm(`room:${ROOM}`);
  expect((await at.ledger.figures(0)).openTurns).toBe(20);
  expect(at.runs[0]).toBeLessThanOrEqual(BOUNDS.callsAStep.max);
});

test("500 active rooms are compared after an outage in upkeeps that stay within the limits", async () => {
  const at = await worker();
  const { ledger, server } = at;
  await ledger.setAgents([aSpec("echo")]);
  server.users.add("@agent_echo:hs.test");
  const rooms = Array.from({ length: 500 }, (_, count) => RoomId.parse(`!room${String(count).padStart(3, "0")}`));
  for (const room of rooms) {
    await ledger.setMembers(room, [member(ALICE), ghost("echo")]);
    server.members.set(room, [ALICE, "@agent_echo:hs.test"]);
  }
  await push(ledger, ...rooms.map((room_id) => anEvent({ type: "m.room.topic", state_key: "", room_id })));
  at.runs.length = 0;
  let upkeeps = 0;
  await ledger.setMark("forget_next", "0");
  for (; upkeeps === 0 || (await ledger.mark(REPAIR_MARK)) !== "done"; upkeeps++) {
    await at.tend();
    // What has outlived its retention is forgotten meanwhile, a step at a time at least.
    if (upkeeps === 0) expect(await ledger.mark("forget_next")).not.toBe("0");
  }
  const read = new Set(server.requests.flatMap((request) => request.match(/rooms\/([^/]+)\/messages/)?.[1] ?? []));
  expect(read.size).toBe(500);
  expect(Math.max(...at.runs)).toBeLessThanOrEqual(BOUNDS.callsARun.max);
  // Even where nothing is known of a room it takes less than an hour.
  expect(upkeeps).toBeLessThan(60);
}, 120_000);

test("after the ledger was lost 200 rooms of one agent are found in upkeeps that stay within the limits", async () => {
  const at = await worker();
  const { ledger, server } = at;
  await ledger.setAgents([aSpec("echo")]);
  server.users.add("@agent_echo:hs.test");
  const rooms = Array.from({ length: 200 }, (_, count) => `!room${String(count).padStart(3, "0")}`);
  for (const room of rooms) server.members.set(room, [ALICE, "@agent_echo:hs.test"]);
  let upkeeps = 0;
  for (; upkeeps === 0 || (await ledger.mark(COMPARE_MARK)) !== "done"; upkeeps++) {
    await at.tend();
    if (upkeeps > 60) throw new Error("it comes to no end");
  }
  expect((await ledger.roomsAfter("", 300)).map(String)).toEqual(rooms);
  expect(Math.max(...at.runs)).toBeLessThanOrEqual(BOUNDS.callsARun.max);
}, 120_000);

test("the slow rotation through 100 agents asks about a few of them in each upkeep", async () => {
  const at = await worker();
  const { ledger, server } = at;
  await ledger.setAgents(AGENTS.slice(0, 100).map((id) => aSpec(id)));
  await ledger.setMark(COMPARE_MARK, "done");
  await at.tend();
  await ledger.setMark(COMPARE_MARK, "done");
  await ledger.setMark("compare_next", "");
  for (let upkeep = 0; upkeep < 25; upkeep++) {
    server.requests.length = 0;
    await at.tend();
    const asked = server.requests.filter((request) => request.includes("/joined_rooms")).length;
    expect(asked).toBeLessThanOrEqual(BOUNDS.comparedUsers.max + 1);
    if (upkeep < 20) expect(asked).toBeGreaterThan(0);
  }
}, 60_000);
