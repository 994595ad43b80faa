/** The ledger on a libSQL file: its contract, its migrations, and that its queries read only open rows. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import { migrate } from "drizzle-orm/libsql/migrator";
import { getTableConfig } from "drizzle-orm/sqlite-core";
import { afterEach, describe, expect, test } from "vitest";
import { AgentId, RoomId } from "#core/protocol/ids.ts";
import { textPrompt, textReply } from "#core/turn/turn.ts";
import type { Ledger } from "#ports/ledger.ts";
import { anEvent } from "#testing/events.ts";
import {
  anAnswer,
  aRequest,
  aRow,
  aSession,
  aSettled,
  aTurn,
  aTurnId,
  aWaiting,
  CAPS,
  currentTurn,
  ghost,
  keyOf,
  leaseOf,
  NAMESPACE,
  NOW,
  OUT_LANE,
  queued,
  ROOM,
  ROOM_LANE,
  SESSION_LANE,
  startAttempt,
} from "#testing/ledger-rows.ts";
import { tablesOfSchema } from "#testing/tables.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { ledgerContract } from "./ledger.contract.ts";
import { createLedger } from "./ledger.ts";
import { libsqlDatabase } from "./sql/libsql.ts";

const GUIDE = AgentId.parse("guide");
const [ALICE, EVENT] = [aTurn().prompt.sender, aTurn().prompt.eventId];
const ROOM_LEASE = { lane: ROOM_LANE, fence: 1 };
const EVERYTHING = aSettled({
  turns: [aTurn()],
  members: [{ ...ghost("guide", "invite"), direct: true }, ghost("echo", "leave")],
  controls: [{ session: aSession("mx.echo.1"), kind: "stop" }],
  notices: [aRow()],
  redacted: EVENT,
  state: { name: "A room" },
  pairs: [{ agent: GUIDE, count: { sinceMs: 0, count: 1, restUntilMs: 0 } }],
  thread: { root: EVENT, shared: true },
});

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

ledgerContract("libSQL", async () => {
  const { ledger, close } = await temporaryLedger();
  closing.push(close);
  return ledger;
});

async function openFile(migrationsFolder = "./migrations"): Promise<{ url: string; client: Client }> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-libsql-"));
  const url = `file:${join(folder, "troupe.db")}`;
  const client = createClient({ url });
  closing.push(() => {
    client.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await client.execute("PRAGMA journal_mode = WAL");
  await migrate(drizzle(client), { migrationsFolder });
  return { url, client };
}

test("the migrations, run on an empty database, make the tables, columns and indexes of the schema", async () => {
  const { client } = await openFile();
  const tables = await tablesOfSchema();
  expect(tables.length).toBeGreaterThan(20);
  const { rows } = await client.execute(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '__drizzle%'",
  );
  expect(rows.map((row) => row["name"]).sort()).toEqual(tables.map((table) => getTableConfig(table).name).sort());
  for (const table of tables) {
    const { name, columns, indexes } = getTableConfig(table);
    const made = await client.execute(`SELECT name, type, "notnull" AS required FROM pragma_table_info('${name}')`);
    expect(made.rows.map((row) => [row["name"], String(row["type"]).toLowerCase(), row["required"]])).toEqual(
      columns.map((column) => [column.name, column.getSQLType(), Number(column.notNull)]),
    );
    const found = await client.execute(`SELECT name, partial FROM pragma_index_list('${name}') WHERE origin = 'c'`);
    const expected = indexes.map(({ config }) => [config.name, Number(config.where !== undefined)]);
    expect(found.rows.map((row) => [row["name"], row["partial"]]).sort()).toEqual(expected.sort());
  }
});

test("migrations only add, or drop an index, so that an old version can run beside a new one", () => {
  const statements = readdirSync("./migrations")
    .filter((file) => file.endsWith(".sql"))
    .flatMap((file) => readFileSync(join("./migrations", file), "utf8").split("--> statement-breakpoint"));
  // Without an index the old version is slower, but still correct.
  const adds =
    /^(CREATE (TABLE|INDEX|UNIQUE INDEX)|DROP INDEX) |^ALTER TABLE `\w+` ADD `\w+` \w+( DEFAULT \S+ NOT NULL)?;?$/;
  expect(statements.length).toBeGreaterThan(20);
  expect(statements.map((statement) => statement.trim()).filter((statement) => !adds.test(statement))).toEqual([]);
  expect(adds.test("ALTER TABLE `turns` ADD `x` text NOT NULL;")).toBe(false);
  expect(adds.test("DROP TABLE `turns`;")).toBe(false);
});

test("a reply that one process stored is read by the next one from the file", async () => {
  const { url, client } = await openFile();
  const turn = aTurn();
  const before = createLedger(libsqlDatabase(client, NAMESPACE));
  const lease = await queued(before, turn);
  await before.storeAnswer(lease, turn.id, anAnswer());
  const reopened = createClient({ url });
  closing.unshift(() => reopened.close());
  const after = createLedger(libsqlDatabase(reopened, NAMESPACE));
  await after.voidLeases();
  const next = await leaseOf(after, SESSION_LANE, "next");
  expect(await currentTurn(after, next)).toMatchObject({
    id: turn.id,
    state: "answered",
    reply: textReply("reply", "hi"),
  });
  expect((await before.markDelivered(lease, turn, OUT_LANE)).isDelivered).toBe(false);
});

/** The migrations an earlier version had, in a folder of their own. */
function earlierMigrations(count: number): string {
  const folder = mkdtempSync(join(tmpdir(), "troupe-migrations-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  cpSync("./migrations", folder, { recursive: true });
  const journal = join(folder, "meta/_journal.json");
  const { entries, ...rest } = JSON.parse(readFileSync(journal, "utf8"));
  writeFileSync(journal, JSON.stringify({ ...rest, entries: entries.slice(0, count) }));
  return folder;
}

test("rows of an earlier version can be read, and go on", async () => {
  const { client } = await openFile(earlierMigrations(2));
  const { agent, id, roomId, prompt } = aTurn();
  const turns = { whileBusy: "queue", debounce: 0, queue: 20, turnsAtOnce: 50, eventAge: 900, replyAge: 3_600 };
  const echo = {
    id: agent,
    name: "Echo",
    backend: { use: "echo" },
    turns: { ...turns, firstText: 300, turnTime: 900 },
  };
  const event = anEvent();
  await client.batch([
    { sql: "INSERT INTO agents (id, agent, retired) VALUES (?, ?, 0)", args: [agent, JSON.stringify(echo)] },
    {
      sql: "INSERT INTO members (room_id, user_id, membership) VALUES (?, '@agent_echo:hs.test', 'join')",
      args: [roomId],
    },
    {
      sql: "INSERT INTO events (event_id, room_id, event, received_at_ms) VALUES (?, ?, ?, ?)",
      args: [event.event_id, event.room_id, JSON.stringify(event), NOW],
    },
    {
      sql: `INSERT INTO turns (id, session, agent, room_id, direct, event_id, sender, prompt, sent_at_ms, state, attempt,
        not_before_ms) VALUES (?, 'mx.echo.1', ?, ?, 0, ?, ?, 'hello', 5, 'queued', 0, 0)`,
      args: [id, agent, roomId, prompt.eventId, prompt.sender],
    },
  ]);
  await migrate(drizzle(client), { migrationsFolder: "./migrations" });
  const ledger = createLedger(libsqlDatabase(client, NAMESPACE));
  expect(await ledger.agents()).toEqual([echo]);
  expect((await ledger.room(ROOM)).present).toMatchObject([{ agent: echo, invitedDirectly: false }]);
  const lease = await leaseOf(ledger, ROOM_LANE);
  const [found] = await ledger.nextEvents(lease, 10);
  expect(found && (await ledger.settle(lease, found, EVERYTHING))).toBe(true);
  expect(await ledger.transcript(aSession("mx.echo.1"), 10)).toEqual([]);
  const current = await currentTurn(ledger, await leaseOf(ledger, SESSION_LANE));
  expect(current).toMatchObject({ id, hop: 0, prompt: { parts: textPrompt("hello") }, merged: [] });
});

/** How SQLite would run each statement that `ask` sends. */
async function plansOf(ask: (ledger: Ledger) => Promise<unknown>): Promise<string[]> {
  const { client } = await openFile();
  const sent: { sql: string; args?: unknown }[] = [];
  const watched = new Proxy(client, {
    get(target, name) {
      if (name !== "execute" && name !== "batch") return Reflect.get(target, name);
      return (given: never, mode: never) => {
        sent.push(...[given].flat());
        return target[name](given, mode);
      };
    },
  });
  await ask(createLedger(libsqlDatabase(watched, NAMESPACE)));
  const plans: string[] = [];
  for (const { sql, args } of sent) {
    const { rows } = await client.execute({ sql: `EXPLAIN QUERY PLAN ${sql}`, args: args as never });
    plans.push(...rows.map((row) => String(row["detail"])));
  }
  return plans;
}

test("the verdicts of a room are read without other rooms' events", async () => {
  const plans = await plansOf((ledger) => ledger.verdictsIn(ROOM, 10));
  expect(plans.filter((plan) => plan.includes("events"))).toHaveLength(2);
  for (const plan of plans)
    expect(plan).not.toMatch(/TEMP B-TREE|(SCAN|SEARCH) events(?! USING (COVERING )?INDEX events_decided)/);
});

const SESSION = { lane: SESSION_LANE, fence: 1 };
const OUT_LEASE = { lane: OUT_LANE, fence: 1 };

test("an outbox row holds what it says once: plain, then frozen, then not at all", async () => {
  const { ledger, client, close } = await temporaryLedger();
  closing.push(close);
  const lease = await leaseOf(ledger, OUT_LANE);
  const held = async () => {
    const { rows } = await client.execute("SELECT plain IS NOT NULL AS isPlain, body <> '' AS isFrozen FROM outbox");
    return rows.map((row) => [row["isPlain"], row["isFrozen"]]);
  };
  await ledger.queueOut(lease, [aRow(), aRow()]);
  expect(await held()).toEqual([
    [1, 0],
    [1, 0],
  ]);
  const { seq = -1 } = (await ledger.nextOut(lease)) ?? {};
  await ledger.freezeOut(lease, seq, aRequest());
  expect(await held()).toEqual([
    [0, 1],
    [1, 0],
  ]);
  for (const one of [seq, seq + 1])
    await ledger.endOut(lease, one, { state: "dead", deadLetter: { kind: "outbox", reason: "refused", raw: "" } }, NOW);
  expect(await held()).toEqual([
    [0, 0],
    [0, 0],
  ]);
});

describe("the cost of a query", () => {
  const tables = "events|turns|outbox|members|agents|lanes|threads|pairs|rooms|directs|settings|grants";
  const whole = new RegExp(
    String.raw`^SCAN (${tables})(?! USING (COVERING )?INDEX \w+_(undecided|open|running|unsent)$)`,
  );

  const QUERY = {
    sender: ALICE,
    target: EVENT,
    threadRoot: EVENT,
    ownKey: keyOf("x"),
    echo: { texts: ["hello"], sinceMs: 0 },
  };

  const ONE_EACH = { anInviter: 1, aFamily: 1, families: 1, members: 1 };

  test("due lanes are read from the indexes of open rows", async () => {
    const plans = await plansOf((ledger) => ledger.dueLanes(NOW, 10));
    for (const index of ["events_undecided", "turns_open", "outbox_unsent"]) {
      expect(plans).toContainEqual(expect.stringContaining(index));
    }
    expect(plans.filter((plan) => whole.test(plan))).toEqual([]);
  });

  test.for<[string, (ledger: Ledger) => Promise<unknown>]>([
    [
      "accept",
      (ledger) =>
        ledger.accept({ events: [anEvent()], deadLetters: [], nowMs: NOW, counted: { transaction: 1, mark: "lower" } }),
    ],
    ["room", (ledger) => ledger.room(ROOM)],
    ["presentIn", (ledger) => ledger.presentIn(ROOM, [ALICE], "guide")],
    ["sender", (ledger) => ledger.sender(ROOM, QUERY)],
    ["eventFacts", (ledger) => ledger.eventFacts(ROOM, QUERY)],
    ["settleAndNext", (ledger) => ledger.settleAndNext(ROOM_LEASE, aWaiting(anEvent()), EVERYTHING)],
    ["putOffEvent", (ledger) => ledger.putOffEvent(ROOM_LEASE, { seq: 1 }, NOW, "failure")],
    ["ignoreAndNext", (ledger) => ledger.ignoreAndNext(ROOM_LEASE, [{ seq: 1, reason: "notice", about: GUIDE }])],
    ["storeProgress", (ledger) => ledger.storeProgress(ROOM_LEASE, { seq: 1 }, "{}", [aRow()])],
    ["hasPeople", (ledger) => ledger.hasPeople(ROOM, ALICE)],
    ["ghostsIn", (ledger) => ledger.ghostsIn(ROOM, "", 10)],
    ["replacedBy", (ledger) => ledger.replacedBy(ROOM, ALICE)],
    ["settle", (ledger) => ledger.settle(ROOM_LEASE, aWaiting(anEvent()), EVERYTHING)],
    ["ignore", (ledger) => ledger.ignore(ROOM_LEASE, [{ seq: 1, reason: "notice", about: GUIDE }])],
    ["succeed", (ledger) => ledger.succeed(ROOM, RoomId.parse("!next"))],
    ["setMembers", (ledger) => ledger.setMembers(ROOM, [ghost("guide")])],
    ["epoch", (ledger) => ledger.epoch(aSession("mx.echo.1"))],
    [
      "epoch with an asker",
      (ledger) => ledger.epoch(aSession("mx.echo.1"), undefined, { sender: ALICE, roomId: ROOM }),
    ],
    ["epoch with a former one", (ledger) => ledger.epoch(aSession("mx.echo.1"), aSession("mx.echo.2"))],
    ["sender of ours", (ledger) => ledger.sender(ROOM, { ...QUERY, sender: ghost("guide").userId })],
    ["admit", (ledger) => ledger.admit({ eventId: EVENT, inviter: "x", userId: ALICE, nowMs: NOW }, ONE_EACH)],
    ["event", (ledger) => ledger.event(EVENT)],
    ["isFirst", (ledger) => ledger.isFirst({ session: aSession("mx.echo.1"), seq: 2 })],
    ["chatter", (ledger) => ledger.chatter({ ...aTurn(), seq: 2 }, 10)],
    ["verdictOf", (ledger) => ledger.verdictOf(EVENT)],
    ["verdictsIn", (ledger) => ledger.verdictsIn(ROOM, 10)],
    ["agent", (ledger) => ledger.agent(GUIDE, ROOM)],
    ["roomLayer", (ledger) => ledger.roomLayer(ROOM)],
    ["openSessions", (ledger) => ledger.openSessions(ROOM, undefined, [GUIDE])],
    ["release", (ledger) => ledger.release({ lane: SESSION_LANE, fence: 1 })],
    ["transcript", (ledger) => ledger.transcript(aSession("mx.echo.1"), 10)],
    ["markDelivered", (ledger) => ledger.markDelivered(SESSION, { id: aTurnId("turn") }, OUT_LANE)],
    ["nextEvents", (ledger) => ledger.nextEvents({ lane: "room:!room", fence: 1 }, 10)],
    ["currentTurn", (ledger) => ledger.currentTurn(SESSION)],
    ["startAttempt", (ledger) => startAttempt(ledger, SESSION, aTurn(), CAPS)],
    ["controls", (ledger) => ledger.controls(SESSION, { session: aSession("mx.echo.1"), seq: 1 })],
    ["grantPlaces", (ledger) => ledger.grantPlaces(NOW)],
    ["lines", (ledger) => ledger.lines(1, 10)],
    ["setPlaces", (ledger) => ledger.setPlaces({ agent: GUIDE, roomId: ROOM, places: 1 }, 2)],
    ["postpone", (ledger) => ledger.postpone(SESSION, aTurnId("turn"), NOW, NOW)],
    ["dropControls", (ledger) => ledger.dropControls(SESSION, { session: aSession("mx.echo.1") })],
    ["renew", (ledger) => ledger.renew(SESSION, NOW)],
    ["merge", (ledger) => ledger.merge(SESSION, { ...aTurn(), seq: 1 }, "all")],
    ["heldBackUntil", (ledger) => ledger.heldBackUntil(SESSION, { ...aTurn(), seq: 1 })],
    ["openSessionsAt", (ledger) => ledger.openSessionsAt(aTurn().prompt.eventId, ROOM, [GUIDE])],
    ["openSessionsIn", (ledger) => ledger.openSessionsIn(ROOM)],
    ["waitingIn", (ledger) => ledger.waitingIn(aSession("mx.echo.1"))],
    ["known", (ledger) => ledger.known([aTurn().prompt.eventId])],
    ["activeRooms", (ledger) => ledger.activeRooms(10)],
    ["roomsAfter", (ledger) => ledger.roomsAfter("", 10)],
    ["ourUsers", (ledger) => ledger.ourUsers("", 10)],
    ["ourUsers (others)", (ledger) => ledger.ourUsers("ghost ", 10)],
    ["roomsWithout", (ledger) => ledger.roomsWithout(ALICE, [ROOM])],
    ["joinedIn", (ledger) => ledger.joinedIn(ROOM, 10)],
    ["forgetGhost", (ledger) => ledger.forgetGhost(ALICE)],
    ["reopenInvitations", (ledger) => ledger.reopenInvitations([anEvent()], NOW)],
    ["takeTokens", (ledger) => ledger.takeTokens([{ key: "x", perMinute: 1 }], NOW)],
    ["figures", (ledger) => ledger.figures(NOW)],
    ["prune", (ledger) => ledger.prune(NOW, { contentsMs: 0, eventIdsMs: 0, turnsMs: 0 })],
    ["nextOut", (ledger) => ledger.nextOut(OUT_LEASE)],
    ["freezeOut", (ledger) => ledger.freezeOut(OUT_LEASE, 1, aRequest())],
    ["endedAndNext", (ledger) => ledger.endOutAndNext(OUT_LEASE, 1, { state: "sent", eventId: EVENT }, NOW)],
    ["claim", (ledger) => ledger.claim(SESSION_LANE, "me", NOW, 1)],
    ["ended", (ledger) => ledger.endOut(OUT_LEASE, 1, { state: "sent", eventId: EVENT }, NOW)],
    ["retryOut", (ledger) => ledger.retryOut(OUT_LEASE, 1, NOW, "500 M_UNKNOWN")],
    ["queueOut", (ledger) => ledger.queueOut(SESSION, [aRow()], { turnId: aTurnId("turn"), text: "half" })],
    ["storeAnswer", (ledger) => ledger.storeAnswer(SESSION, aTurnId("turn"), anAnswer("hi", { rows: [aRow()] }))],
  ])("%s scans no whole table", async ([, ask]) => {
    const plans = await plansOf(ask);
    expect(plans).not.toEqual([]);
    expect(plans.filter((plan) => whole.test(plan))).toEqual([]);
  });
});
