/**
 * Ingress under mangled transactions, on real ledgers. Every answer is the specified one, every readable event is stored
 * once and unchanged, every other one becomes a dead letter, and every stored event gets a verdict.
 *
 * `FUZZ_COUNT` is the number of transactions (100,000 is a long run) and `FUZZ_SEED` the first seed. The seed of a failure
 * with a count of 1 repeats that transaction alone.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import Libsql from "libsql";
import { afterEach, expect, test } from "vitest";
import { AgentSpec } from "#core/configuration/agent.ts";
import { namespaceOf, readEnvironment } from "#core/configuration/environment.ts";
import { RoomId, UserId } from "#core/protocol/ids.ts";
import type { Ledger } from "#ports/ledger.ts";
import { type FakeHomeserver, fakeHomeserver } from "#testing/homeserver.ts";
import { ROOMS } from "#testing/mangle/events.ts";
import type { Expected, IntactEvent } from "#testing/mangle/expected.ts";
import { type Mangled, mangledTransaction } from "#testing/mangle/transactions.ts";
import { nodeDoorbell } from "../../appservice/host/doorbell.ts";
import { migrateFile } from "../../appservice/host/file-database.ts";
import { fileLedger } from "../../appservice/host/ledger.ts";
import { type App, compose } from "../app.ts";
import { systemClock } from "../clock.ts";
import { createLedger } from "../ledger/ledger.ts";
import { libsqlDatabase } from "../ledger/sql/libsql.ts";

const COUNT = Number(process.env["FUZZ_COUNT"] ?? 2_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
/** Shorter runs need not reach every kind of answer and verdict. */
const COVERS_EVERYTHING = 1_000;
const LONG_RUN = 10_000;
/** Transactions that are pushed before the test waits for their events to be handled. */
const STRETCH = 200;
/** The time limit for each transaction; most take a few milliseconds. */
const MS_EACH_MAX = 60;

const environment = readEnvironment({
  HOMESERVER_URL: "http://hs.test",
  SERVER_NAME: "hs.test",
  AS_TOKEN: "as-token-of-the-tests",
  HS_TOKEN: "hs-token-of-the-tests",
  ADMIN_TOKEN: "admin-token-of-the-tests",
  // No limits and no pauses, so that everything is answered at once.
  SENDER_TURNS_PER_MINUTE: "0",
  ROOM_TURNS_PER_MINUTE: "0",
  SEND_FLOOR_MS: "0",
});
if (!environment.ok) throw new Error(environment.error);
const settings = environment.value;
const namespace = namespaceOf(settings);

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

/** Log events that must not occur. */
const TROUBLE = new Set([
  "lane_failed",
  "event_failed",
  "lease_lost",
  "request_failed",
  "turn_failed",
  "ghost_failed",
  "join_failed",
]);

interface World {
  app: App;
  ledger: Ledger;
  server: FakeHomeserver;
  /** Queries the ledger's file directly. */
  rowsOf: <Row>(sql: string) => Row[];
  trouble: string[];
  /** The last rows that were compared so far. */
  last: { seq: number; letter: number };
  /** The ids of all stored events. */
  known: Set<string>;
}

async function world(open: (path: string) => { ledger: Ledger; close(): void }): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-fuzz-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "troupe.db");
  const { ledger, close } = open(path);
  const file = new Libsql(path);
  const over = new AbortController();
  closing.push(
    close,
    () => void file.close(),
    () => over.abort(),
  );
  const server = fakeHomeserver(settings.AS_TOKEN);
  const trouble: string[] = [];
  const app = compose({
    environment: settings,
    ledger,
    clock: systemClock,
    fetch: server.fetch,
    log(event, fields) {
      if (TROUBLE.has(event)) trouble.push(`${event} ${JSON.stringify(fields).slice(0, 800)}`);
    },
    env: () => undefined,
    turnMsMax: 60_000,
    metrics: "json",
    runner: "fuzz",
    doorbell: (pump) =>
      nodeDoorbell({ pump, clock: systemClock, over: over.signal, sweepMs: Number.POSITIVE_INFINITY }),
  });
  await app.applyAgents(["echo", "second"].map((id) => AgentSpec.parse({ id, name: id, backend: { use: "echo" } })));
  const rowsOf = <Row>(sql: string) => file.prepare(sql).all() as Row[];
  return { app, ledger, server, trouble, rowsOf, last: { seq: 0, letter: 0 }, known: new Set() };
}

/** Restores the members of the rooms, because mangled membership events may have removed them. */
async function populate({ ledger, server }: World): Promise<void> {
  const people = ["@alice:hs.test", "@agent_echo:hs.test", "@bob:hs.test", "@agent_second:hs.test"];
  for (const [room, count] of [[ROOMS[0], 2] as const, [ROOMS[1], 4] as const]) {
    const members = people.slice(0, count);
    server.members.set(room, members);
    // A ghost that has joined a room has an account and a device.
    for (const ghost of members.filter((user) => user.startsWith("@agent_"))) {
      server.users.add(ghost);
      server.devices.add(`${ghost}|TROUPE`);
    }
    const joined = members.map((userId) => ({
      userId: UserId.parse(userId),
      membership: "join" as const,
      direct: count === 2,
    }));
    await ledger.setMembers(RoomId.parse(room), joined);
  }
}

/** Pushes a transaction and compares what was stored. Some are pushed twice at once, as after a lost answer. */
async function push(
  { app, rowsOf, last, known }: World,
  { seed, path, headers, body, expected }: Mangled,
): Promise<void> {
  const times = seed % 20 === 0 ? 2 : 1;
  const send = () => app.http.request(path, { method: "PUT", headers, body });
  for (const response of await Promise.all(Array.from({ length: times }, send))) {
    const answer = JSON.parse(await response.text()) as { errcode?: string };
    expect([response.status, answer.errcode]).toEqual([expected.status, expected.errcode]);
  }
  const stored = rowsOf<Stored>(
    `SELECT seq, event_id AS id, room_id AS room, event FROM events WHERE seq > ${last.seq} ORDER BY seq`,
  );
  const letters = rowsOf<Letter>(`SELECT id, reason, raw FROM dead_letters WHERE id > ${last.letter} ORDER BY id`);
  last.seq = stored.at(-1)?.seq ?? last.seq;
  last.letter = letters.at(-1)?.id ?? last.letter;
  expectStored(stored, newEventsOf(expected.intact, known));
  expectDeadLetters(letters, Array.from({ length: times }, () => expected.unreadable).flat());
}

interface Stored {
  seq: number;
  id: string;
  room: string;
  event: string;
}

/** The events that are new. When several have the same id only the first one is stored, in any transaction. */
const newEventsOf = (intact: readonly IntactEvent[], known: Set<string>): IntactEvent[] =>
  intact.filter(({ event_id: id }) => !known.has(id) && known.add(id));

const COMPARED = ["event_id", "room_id", "sender", "type", "content", "state_key", "redacts", "origin_server_ts"];

function expectStored(stored: readonly Stored[], intact: readonly IntactEvent[]): void {
  expect(stored.map(({ id, room }) => [id, room])).toEqual(intact.map((event) => [event.event_id, event.room_id]));
  for (const [index, row] of stored.entries()) {
    const [was, is] = [intact[index] ?? {}, JSON.parse(row.event) as Record<string, unknown>];
    const changed = COMPARED.filter((key) => text(key, is) !== text(key, was));
    // Without `expect`, which would print both events in full.
    if (changed.length > 0) throw new Error(`${changed} of ${row.event.slice(0, 200)} was stored differently`);
    const age = ageOf(was);
    if (Number.isFinite(age)) expect(JSON.stringify(ageOf(is))).toBe(JSON.stringify(age));
  }
}

const ageOf = (event: Record<string, unknown>): unknown =>
  (event["unsigned"] as { age?: unknown } | null | undefined)?.age;

/** A field as JSON, because it may have any type. `__proto__` in the content is dropped on purpose. */
function text(key: string, event: Record<string, unknown>): string | undefined {
  const value = event[key];
  if (key !== "content" || typeof value !== "object") return JSON.stringify(value);
  return JSON.stringify(Object.entries(value ?? {}).filter(([name]) => name !== "__proto__"));
}

interface Letter {
  id: number;
  reason: string;
  raw: string;
}

/** A dead letter keeps up to 64 KiB of the event, in whole characters. */
const RAW_BYTES_MIN = 64 * 1024 - 3;

function expectDeadLetters(letters: readonly Letter[], unreadable: Expected["unreadable"]): void {
  const indexes = letters.map(({ reason }) => Number(reason.match(/^Event (\d+) /)?.[1]));
  expect(indexes).toEqual(unreadable.map(({ index }) => index));
  for (const [at, { raw }] of letters.entries()) {
    const whole = unreadable[at]?.raw;
    const isCut = new TextEncoder().encode(raw).length >= RAW_BYTES_MIN;
    const isKept = whole === undefined ? isCut || raw.includes("…") : raw === whole || (isCut && whole.startsWith(raw));
    if (!isKept) throw new Error(`dead letter ${at} holds ${raw.slice(0, 200)}`);
  }
}

const ROUNDS_MAX = 5_000;
const LATER_MS = 600_000;

/** Sweeps until no lane is due any more. */
async function drain({ app, ledger, trouble }: World): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX && trouble.length === 0; round++) {
    if ((await ledger.dueLanes(Date.now() + LATER_MS, 1)).length === 0) break;
    await app.sweep();
    await systemClock.sleep(1);
  }
  expect(trouble).toEqual([]);
  expect(await ledger.dueLanes(Date.now() + LATER_MS, 10)).toEqual([]);
}

interface Tally {
  statuses: Record<string, number>;
  intact: number;
  unreadable: number;
  sent: number;
}

/** Pushes one transaction after another. The message of an error begins with the seed. */
async function pushAll(at: World, count: number): Promise<Tally> {
  const tally: Tally = { statuses: {}, intact: 0, unreadable: 0, sent: 0 };
  for (let seed = SEED; seed < SEED + count; seed++) {
    const mangled = mangledTransaction(seed, settings.HS_TOKEN);
    const isLast = seed === SEED + count - 1;
    try {
      if ((seed - SEED) % STRETCH === 0) await populate(at);
      await push(at, mangled);
      if (isLast || (seed - SEED) % STRETCH === STRETCH - 1) await drain(at);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    const { status, errcode = "stored", intact, unreadable } = mangled.expected;
    tally.statuses[`${status} ${errcode}`] = (tally.statuses[`${status} ${errcode}`] ?? 0) + 1;
    tally.intact += intact.length;
    tally.unreadable += unreadable.length;
    tally.sent += takeSent(at);
  }
  return tally;
}

/** Counts the messages sent since the last call, and removes them from the fake homeserver. */
function takeSent({ server: { sent, requests } }: World): number {
  requests.length = 0;
  return sent.splice(0).length;
}

/** No work is left, and the operator API shows the last dead letter. */
async function expectAllDone({ app, rowsOf, last }: World): Promise<void> {
  const open = rowsOf(`
    SELECT 'event' AS kind, event_id AS id FROM events WHERE verdict IS NULL
    UNION ALL SELECT 'turn', id FROM turns WHERE state <> 'delivered'
    UNION ALL SELECT 'outbox', key FROM outbox WHERE state <> 'sent'`);
  expect(open).toEqual([]);
  const headers = { authorization: `Bearer ${settings.ADMIN_TOKEN}` };
  const shown = (await (await app.http.request("/admin/dead-letters", { headers })).json()) as {
    deadLetters: Letter[];
  };
  expect(shown.deadLetters[0]?.id ?? 0).toBe(last.letter);
}

/** The run was a real fuzz: it reached every kind of answer, and much was stored, given up and answered. */
function expectCoverage(count: number, tally: Tally, verdicts: Record<string, number>): void {
  expect(Object.keys(tally.statuses).sort()).toEqual([
    "200 stored",
    "400 M_BAD_JSON",
    "400 M_NOT_JSON",
    "401 M_UNAUTHORIZED",
    "403 M_FORBIDDEN",
    "404 M_UNRECOGNIZED",
  ]);
  for (const number of [tally.intact, tally.unreadable, tally.sent]) expect(number).toBeGreaterThan(count / 20);
  expect(Object.keys(verdicts)).toEqual(
    expect.arrayContaining(["wake_direct", "wake_mention", "join", "command_stop", "too_old", "edit"]),
  );
}

test.for<[name: string, count: number, open: (path: string) => { ledger: Ledger; close(): void }]>([
  ["a file", COUNT, (path) => fileLedger(path, namespace)],
  [
    "a libSQL client",
    Math.ceil(COUNT / 10),
    (path) => {
      migrateFile(path, "./migrations");
      const client = createClient({ url: `file:${path}` });
      return { ledger: createLedger(libsqlDatabase(client, namespace)), close: () => client.close() };
    },
  ],
])(
  "mangled transactions are handled on %s: %i of them",
  { timeout: 60_000 + COUNT * MS_EACH_MAX },
  async ([name, count, open]) => {
    const startedAtMs = performance.now();
    const at = await world(open);
    const tally = await pushAll(at, count);
    const verdicts = await at.ledger.verdicts();
    if (count >= LONG_RUN) {
      const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
      console.log(`${count} on ${name} in ${seconds} s: ${JSON.stringify({ ...tally, verdicts }, undefined, 1)}`);
    }
    await expectAllDone(at);
    if (count >= COVERS_EVERYTHING) expectCoverage(count, tally, verdicts);
  },
);
