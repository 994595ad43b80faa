/** The ledger on a libSQL file: its contract, its migrations, and that it looks only at what is open. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@libsql/client";
import { is } from "drizzle-orm";
import { drizzle } from "drizzle-orm/libsql";
import { migrate } from "drizzle-orm/libsql/migrator";
import { getTableConfig, SQLiteTable } from "drizzle-orm/sqlite-core";
import { afterEach, describe, expect, test } from "vitest";
import type { Ledger } from "#ports";
import { anEvent } from "#testing/events.ts";
import { aTurn, CAPS, currentTurn, leaseOf, NAMESPACE, NOW, queued, ROOM, SESSION_LANE } from "#testing/ledger-rows.ts";
import { temporaryLedger } from "#testing/temp-ledger.ts";
import { libsqlLedger } from "./drivers/libsql.ts";
import { ledgerContract } from "./ledger.contract.ts";
import * as schema from "./schema.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

ledgerContract("libSQL", async () => {
  const { ledger, close } = await temporaryLedger();
  closing.push(close);
  return ledger;
});

async function openFile(): Promise<{ url: string; client: Client }> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-libsql-"));
  const url = `file:${join(folder, "troupe.db")}`;
  const client = createClient({ url });
  closing.push(() => {
    client.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await client.execute("PRAGMA journal_mode = WAL");
  await migrate(drizzle(client), { migrationsFolder: "./migrations" });
  return { url, client };
}

test("the migrations, run on an empty database, make the tables, columns and indexes of the schema", async () => {
  const { client } = await openFile();
  const tables = Object.values(schema).filter((table) => is(table, SQLiteTable));
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

test("migrations only add, so that an old version may still run beside a new one", () => {
  const statements = readdirSync("./migrations")
    .filter((file) => file.endsWith(".sql"))
    .flatMap((file) => readFileSync(join("./migrations", file), "utf8").split("--> statement-breakpoint"));
  const adds = /^CREATE (TABLE|INDEX|UNIQUE INDEX)|^ALTER TABLE `\w+` ADD `\w+` \w+( DEFAULT \S+ NOT NULL)?;?$/;
  expect(statements.length).toBeGreaterThan(20);
  expect(statements.map((statement) => statement.trim()).filter((statement) => !adds.test(statement))).toEqual([]);
  expect(adds.test("ALTER TABLE `turns` ADD `x` text NOT NULL;")).toBe(false);
  expect(adds.test("DROP TABLE `turns`;")).toBe(false);
});

test("what one process answered, the next one finds in the file", async () => {
  const { url, client } = await openFile();
  const turn = aTurn();
  const before = libsqlLedger(client, NAMESPACE);
  const lease = await queued(before, turn);
  await before.answered(lease, turn.id, { kind: "reply", markdown: "hi" }, []);
  const reopened = createClient({ url });
  closing.unshift(() => reopened.close());
  const after = libsqlLedger(reopened, NAMESPACE);
  await after.voidLeases();
  const next = await leaseOf(after, SESSION_LANE, "next");
  expect(await currentTurn(after, next)).toMatchObject({
    id: turn.id,
    state: "answered",
    reply: { markdown: "hi" },
  });
  expect(await before.delivered(lease, turn.id)).toBe(false);
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
  await ask(libsqlLedger(watched, NAMESPACE));
  const plans: string[] = [];
  for (const { sql, args } of sent) {
    const { rows } = await client.execute({ sql: `EXPLAIN QUERY PLAN ${sql}`, args: args as never });
    plans.push(...rows.map((row) => String(row["detail"])));
  }
  return plans;
}

const SESSION = { lane: SESSION_LANE, fence: 1 };

describe("the cost of looking", () => {
  const whole =
    /^SCAN (events|turns|outbox|members|agents|lanes)(?! USING (COVERING )?INDEX \w+_(undecided|open|running)$)/;

  test("what is due is read off the indexes of what is open", async () => {
    const plans = await plansOf((ledger) => ledger.dueLanes(NOW, 10));
    for (const index of ["events_undecided", "turns_open", "outbox_open"]) {
      expect(plans).toContainEqual(expect.stringContaining(index));
    }
    expect(plans.filter((plan) => whole.test(plan))).toEqual([]);
  });

  test.for<[string, (ledger: Ledger) => Promise<unknown>]>([
    ["accept", (ledger) => ledger.accept({ transactionId: "1", events: [anEvent()], deadLetters: [], nowMs: NOW })],
    ["roomFacts", (ledger) => ledger.roomFacts(ROOM, undefined, aTurn().prompt.eventId)],
    ["roomFacts of agents asked about", (ledger) => ledger.roomFacts(ROOM, [aTurn().agent])],
    ["openSessions", (ledger) => ledger.openSessions(ROOM, undefined)],
    ["release", (ledger) => ledger.release({ lane: SESSION_LANE, fence: 1 })],
    ["transcript", (ledger) => ledger.transcript("mx.echo.1", 10)],
    ["delivered", (ledger) => ledger.delivered({ lane: SESSION_LANE, fence: 1 }, "turn")],
    ["nextEvents", (ledger) => ledger.nextEvents({ lane: "room:!room", fence: 1 }, 10)],
    ["currentTurn", (ledger) => ledger.currentTurn(SESSION)],
    ["startAttempt", (ledger) => ledger.startAttempt(SESSION, aTurn(), CAPS)],
    ["takeControls", (ledger) => ledger.takeControls(SESSION, { session: "mx.echo.1", seq: 1 })],
    ["merge", (ledger) => ledger.merge(SESSION, { ...aTurn(), seq: 1 }, "all")],
    ["heldBackUntil", (ledger) => ledger.heldBackUntil(SESSION, { ...aTurn(), seq: 1 })],
    ["openSessionsAt", (ledger) => ledger.openSessionsAt(aTurn().prompt.eventId)],
    ["waitingIn", (ledger) => ledger.waitingIn("mx.echo.1")],
    ["known", (ledger) => ledger.known([aTurn().prompt.eventId])],
    ["activeRooms", (ledger) => ledger.activeRooms(10)],
    ["roomsAfter", (ledger) => ledger.roomsAfter("", 10)],
    ["takeTokens", (ledger) => ledger.takeTokens([{ key: "x", perMinute: 1 }], NOW)],
    ["figures", (ledger) => ledger.figures(NOW)],
    ["prune", (ledger) => ledger.prune(NOW, { contentsMs: 0, eventIdsMs: 0, turnsMs: 0 })],
    ["nextOut", (ledger) => ledger.nextOut({ lane: "out:x", fence: 1 })],
  ])("%s looks through no whole table", async ([, ask]) => {
    const plans = await plansOf(ask);
    expect(plans).not.toEqual([]);
    expect(plans.filter((plan) => whole.test(plan))).toEqual([]);
  });
});
