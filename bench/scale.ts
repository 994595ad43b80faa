/**
 * Whether anything costs more the more there is: the same work on ledgers from 10 to 1,000,000 stored events, with
 * 10 to 100,000 sessions and 10 to 10,000 agents. Acknowledging a push, claiming a lane and looking for due lanes should
 * cost what is open and not what was ever stored, and the host should keep nothing of it in memory.
 *
 * Each step is a file, grown from a copy of the one before; the host of each is a process of its own, and the steps take
 * turns, so that what the machine does meanwhile hits all of them.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import Libsql from "libsql";
import type { LaneId } from "#core/turn/lane.ts";
import type { Ledger } from "#ports/ledger.ts";
import { fileLedger } from "../appservice/host/ledger.ts";
import { freePort } from "../appservice/live/hosts.ts";
import { median, ms, quantile, ratioInterval, table } from "./figures.ts";
import { ended, HS_TOKEN, homeserverOf, roomMessage, SERVER_NAME, shuffled, watch } from "./ingest.ts";

const STEPS = [10, 1_000, 30_000, 1_000_000];
const RSS_MB_MAX = 250;
const WARM_UP = 50;
const PAUSE_MS = 4;
const CALLS = 1_000;
/** Rooms, sessions and out lanes with something due while due lanes are looked for: the same at every step. */
const OPEN = 5;
const UP_MS_MAX = 60_000;
const NAMESPACE = { serverName: SERVER_NAME, ghostPrefix: "agent_", botLocalpart: "troupe" };

interface Size {
  events: number;
  sessions: number;
  agents: number;
  rooms: number;
}

/** Ten events a session, ten sessions an agent, two of each and two people a room. */
const sizeOf = (events: number): Size => {
  const sessions = Math.max(10, Math.ceil(events / 10));
  return { events, sessions, agents: Math.max(10, Math.ceil(events / 100)), rooms: Math.ceil(sessions / 2) };
};

interface Step extends Size {
  folder: string;
  file: string;
  bytes: number;
  /** Milliseconds. */
  push: number[];
  claim: number[];
  due: number[];
  /** From the start of the process until it takes transactions, in milliseconds. */
  startMs: number;
  /** After the pushes, in MB. */
  rss: number;
}

// ---------- filling ----------

type Cell = string | number | null;
const ROWS_AT_ONCE = 5_000;

/** Everything the host would have written, only faster: straight into the file, and nobody waits for the disk. */
function grow(path: string, from: Size | undefined, to: Size): void {
  fileLedger(path, NAMESPACE).close();
  const file = new Libsql(path);
  for (const pragma of ["journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"]) {
    file.exec(`PRAGMA ${pragma}`);
  }
  const fill = (into: string, range: [from: number, to: number], row: (n: number) => Cell[][]) =>
    insert(file, into, range, row);
  const since = (key: keyof Size): [number, number] => [from?.[key] ?? 0, to[key]];
  fill("agents (id, agent, retired)", since("agents"), (n) => [[agentOf(n), agentJson(n), 0]]);
  fill("ghosts (user_id, device_id, profile)", since("agents"), (n) => [[ghostOf(n), "TROUPE", agentOf(n)]]);
  fill("members (room_id, user_id, membership)", since("rooms"), (room) =>
    [ghostOf(agentFor(2 * room)), ghostOf(agentFor(2 * room + 1)), personOf(0), personOf(room + 1)].map((userId) => [
      roomOf(room),
      userId,
      "join",
    ]),
  );
  fill("lanes (id, owner, lease_until_ms, fence)", since("rooms"), (n) => [[`room:${roomOf(n)}`, null, 0, 40]]);
  fill("transactions (id, accepted_at_ms)", since("events"), (n) => [[`before-${n}`, Date.now()]]);
  fill("events (event_id, room_id, received_at_ms, verdict, event)", since("events"), (n) => {
    const { user_id, age, ...event } = roomMessage(roomOf(n % to.rooms), personOf(0));
    return [[event.event_id, event.room_id, Date.now(), "not_addressed", JSON.stringify(event)]];
  });
  fillSessions(fill, since("sessions"));
  file.close();
  onDisk(path);
}

type Fill = (into: string, range: [from: number, to: number], row: (n: number) => Cell[][]) => void;

/** A session each: one turn that was delivered, with the row that delivered it and the two lanes that were run. */
function fillSessions(fill: Fill, range: [number, number]): void {
  const of = (n: number) => {
    const [agent, room, turn] = [agentFor(n), roomOf(Math.floor(n / 2)), hashed(`turn ${n}`, 24)];
    const lane = `out:${ghostOf(agent)}|${room}`;
    return { agent: agentOf(agent), room, turn, ghost: ghostOf(agent), lane, session: sessionOf(n) };
  };
  fill("lanes (id, owner, lease_until_ms, fence)", range, (n) => {
    const { session, lane } = of(n);
    return [
      [`session:${session}`, null, 0, 4],
      [lane, null, 0, 4],
    ];
  });
  const turn = `turns (id, session, agent, room_id, direct, event_id, sender, prompt, sent_at_ms, state, attempt,
    not_before_ms, reply_kind, reply)`;
  fill(turn, range, (n) => {
    const { turn: id, session, agent, room } = of(n);
    const reply = `An answer of some length. ${"And so it goes on. ".repeat(20)}`;
    const prompt = [eventId(), personOf(0), "What is it this time?", Date.now()];
    return [[id, session, agent, room, 0, ...prompt, "delivered", 1, 0, "reply", reply]];
  });
  fill(
    "outbox (key, lane, turn_id, agent, user_id, device_id, path, body, state, event_id, attempt, not_before_ms)",
    range,
    (n) => {
      const { turn: id, lane, agent, ghost, room } = of(n);
      const path = `/_matrix/client/v3/rooms/${room}/send/m.room.message/${id}.0.0`;
      const body = JSON.stringify({ msgtype: "m.text", body: "And so it goes on. ".repeat(20) });
      return [[`${id}.0.0`, lane, id, agent, ghost, "TROUPE", path, body, "sent", eventId(), 0, 0]];
    },
  );
}

/** Rows as JSON, some thousands to a statement. */
function insert(file: Libsql.Database, into: string, [from, to]: [number, number], row: (n: number) => Cell[][]): void {
  const columns = into.slice(into.indexOf("(") + 1).split(",");
  const values = columns.map((_, at) => `value ->> ${at}`).join(", ");
  const statement = file.prepare(`INSERT INTO ${into} SELECT ${values} FROM json_each(?)`);
  for (let n = from; n < to; n += ROWS_AT_ONCE) {
    const rows = Array.from({ length: Math.min(ROWS_AT_ONCE, to - n) }, (_, at) => row(n + at)).flat();
    statement.run([JSON.stringify(rows)]);
  }
}

const hashed = (text: string, characters: number): string =>
  createHash("sha256").update(text).digest("hex").slice(0, characters);
const eventId = (): string => `$${randomBytes(32).toString("base64url")}`;
const roomOf = (n: number): string => `!${hashed(`room ${n}`, 43)}`;
const agentOf = (n: number): string => `helper-${n}`;
const ghostOf = (n: number): string => `@agent_${agentOf(n)}:${SERVER_NAME}`;
const personOf = (n: number): string => `@person-${n}:${SERVER_NAME}`;
/** The same at every step, and another one for the other session of the room. */
const agentFor = (session: number): number => 2 * Math.floor(session / 20) + (session % 2);
const sessionOf = (n: number): string => `mx.${agentOf(agentFor(n))}.${hashed(`session ${n}`, 20)}`;
const agentJson = (n: number): string =>
  JSON.stringify({ id: agentOf(n), name: `Helper ${n}`, backend: { use: "echo" } });

/** What is still on its way to the disk would be waited for by whoever commits first. */
function onDisk(path: string): void {
  const descriptor = openSync(path, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** A file for every step, each with everything of the one before. */
function fillAll(folder: string, sizes: readonly Size[]): Step[] {
  return sizes.map((size, at) => {
    const startedAt = performance.now();
    const [its, before] = [join(folder, String(size.events)), sizes[at - 1]];
    mkdirSync(its);
    const file = join(its, "troupe.db");
    if (before) copyFileSync(join(folder, String(before.events), "troupe.db"), file);
    grow(file, before, size);
    progress(`filled ${whole(size.events)} events in ${seconds(performance.now() - startedAt)}`);
    const measured = { push: [], claim: [], due: [], startMs: Number.NaN, rss: Number.NaN };
    return { ...size, ...measured, folder: its, file, bytes: statSync(file).size };
  });
}

// ---------- measuring ----------

interface Host {
  step: Step;
  child: ChildProcess;
  port: number;
}

/** The host as `npm start` runs it. */
async function startHost(step: Step): Promise<Host> {
  const port = await freePort();
  const env: Record<string, string> = {
    ...{ HOMESERVER_URL: "http://127.0.0.1:9", SERVER_NAME, AS_TOKEN: "as-token-of-the-bench", HS_TOKEN },
    ...{ PORT: String(port), DATA_DIR: step.folder, TROUPE_FILE: "none" },
  };
  const startedAt = performance.now();
  const child = spawn(process.execPath, [join(import.meta.dirname, "../appservice/index.ts")], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...env },
  });
  process.once("exit", () => child.kill("SIGKILL"));
  while (!(await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null || performance.now() - startedAt > UP_MS_MAX) throw new Error("The host did not start");
    await sleep(10);
  }
  step.startMs = performance.now() - startedAt;
  return { step, child, port };
}

/** One event at a time, to a room where agents are but are not addressed; the next one when it has been decided. */
async function measurePushes(steps: readonly Step[], pushes: number): Promise<void> {
  const hosts: Host[] = [];
  try {
    // One after the other, or they would wait for each other as they start.
    for (const step of steps) hosts.push(await startHost(step));
    const ready = hosts.map(({ step, port }) => ({
      step,
      homeserver: homeserverOf(port),
      watched: watch(step.file),
    }));
    for (let n = 0; n < pushes + WARM_UP; n++) {
      for (const { step, homeserver, watched } of shuffled(ready)) {
        const time = await homeserver.push([roomMessage(roomOf(below(step.rooms)), personOf(0))]);
        if (n >= WARM_UP) step.push.push(time);
        await watched.settled();
        await sleep(PAUSE_MS);
      }
    }
    for (const { homeserver, watched } of ready) {
      homeserver.close();
      watched.close();
    }
    for (const { step, child } of hosts) step.rss = residentMb(child);
  } finally {
    for (const { child } of hosts) await ended(child);
  }
}

function residentMb({ pid }: ChildProcess): number {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return Number.NaN;
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"))?.[1]) / 1024;
}

/** The ledger's own calls, in this process, while nobody else has the files. */
async function measureLedgers(steps: readonly Step[]): Promise<void> {
  for (const { file } of steps) leaveOpen(file);
  const opened = steps.map((step) => ({ step, ...fileLedger(step.file, NAMESPACE) }));
  for (let n = 0; n < CALLS + WARM_UP; n++) {
    for (const { step, ledger } of shuffled(opened)) {
      const time = await dueTime(ledger);
      if (n >= WARM_UP) step.due.push(time);
    }
  }
  for (let n = 0; n < CALLS + WARM_UP; n++) {
    for (const { step, ledger } of shuffled(opened)) {
      const time = await claimTime(ledger, `session:${sessionOf(below(step.sessions))}`);
      if (n >= WARM_UP) step.claim.push(time);
    }
  }
  for (const { close } of opened) close();
}

async function dueTime(ledger: Ledger): Promise<number> {
  const startedAt = performance.now();
  const due = await ledger.dueLanes(Date.now(), 1_000);
  const time = performance.now() - startedAt;
  if (due.length !== 3 * OPEN) throw new Error(`${due.length} lanes are due instead of ${3 * OPEN}`);
  return time;
}

async function claimTime(ledger: Ledger, lane: LaneId): Promise<number> {
  const startedAt = performance.now();
  const lease = await ledger.claim(lane, "bench", Date.now(), 30_000);
  const time = performance.now() - startedAt;
  if (!lease) throw new Error(`${lane} could not be claimed`);
  return time;
}

/** A sweep that finds nothing would say nothing about finding. */
function leaveOpen(path: string): void {
  const file = new Libsql(path);
  const first = (state: string, of: string) =>
    file.exec(`UPDATE ${of} SET ${state} WHERE seq IN (SELECT seq FROM ${of} ORDER BY seq LIMIT ${OPEN})`);
  first("verdict = NULL", "events");
  first("state = 'queued'", "turns");
  first("state = 'frozen'", "outbox");
  file.close();
}

// ---------- telling ----------

const below = (count: number): number => Math.floor(Math.random() * count);
const progress = (line: string): void => void process.stderr.write(`${line}\n`);
const whole = (value: number): string => Math.round(value).toLocaleString("en");
const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`;
const us = (value: number): string => `${(value * 1000).toFixed(0)} µs`;
const mb = (value: number): string => `${value.toFixed(0)} MB`;

const FIGURES: { name: string; of: (step: Step) => number[]; show: (value: number) => string }[] = [
  { name: "push, 1 event", of: ({ push }) => push, show: ms },
  { name: "claim", of: ({ claim }) => claim, show: us },
  { name: "due lanes", of: ({ due }) => due, show: us },
  { name: "memory", of: ({ rss }) => [rss], show: mb },
  { name: "start", of: ({ startMs }) => [startMs], show: ms },
];

const BAR = 40;

function report(steps: readonly Step[]): void {
  const rows = steps.map((step) => [
    ...[whole(step.events), whole(step.sessions), whole(step.agents), mb(step.bytes / 1024 ** 2)],
    ...FIGURES.map(({ of, show }) => show(median(of(step)))),
    ms(quantile(step.push, 0.9)),
  ]);
  const head = ["events", "sessions", "agents", "file", ...FIGURES.map(({ name }) => name), "push p90"];
  process.stdout.write(`${table(head, rows)}\n`);
  for (const figure of FIGURES) process.stdout.write(`${curve(figure, steps)}\n`);
  const [smallest, largest] = [steps[0], steps.at(-1)];
  if (!smallest || !largest) return;
  for (const { name, of } of FIGURES) {
    const [its, first] = [of(largest), of(smallest)];
    const [low, high] = ratioInterval(its, first);
    const spread = its.length > 1 ? ` (${low.toFixed(2)}–${high.toFixed(2)} with 95 % confidence)` : "";
    const compared = `what it is at ${whole(smallest.events)} events`;
    const ratio = (median(its) / median(first)).toFixed(2);
    process.stdout.write(`${name} at ${whole(largest.events)} events: ${ratio} of ${compared}${spread}\n`);
  }
  const most = Math.max(...steps.map(({ rss }) => rss));
  process.stdout.write(
    `memory: ${mb(most)} at the most: ${most < RSS_MB_MAX ? "below" : "NOT BELOW"} ${RSS_MB_MAX} MB\n`,
  );
}

/** A bar a step, each as long as its share of the longest. */
function curve({ name, of, show }: (typeof FIGURES)[number], steps: readonly Step[]): string {
  const values = steps.map((step) => median(of(step)));
  const most = Math.max(...values);
  const width = Math.max(...steps.map(({ events }) => whole(events).length));
  const lines = steps.map(({ events }, at) => {
    const value = values[at] ?? Number.NaN;
    const bar = Number.isNaN(value) ? "" : "█".repeat(Math.max(1, Math.round((value / most) * BAR)));
    return `${whole(events).padStart(width)} ▏${bar.padEnd(BAR)} ${show(value)}`;
  });
  return `${name}\n${lines.join("\n")}\n`;
}

const USAGE = `npm run bench:scale -- [--max 1000000] [--n 300]

--max   Events in the largest ledger; agents and sessions go along. The default needs some 1.1 GB.
--n     Pushes at each step, after ${WARM_UP} to warm up.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      max: { type: "string", default: String(STEPS.at(-1)) },
      n: { type: "string", default: "300" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const max = Number(values.max);
  if (!(max >= 10)) throw new Error("--max is a number from 10 on");
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
  try {
    const steps = fillAll(folder, [...STEPS.filter((step) => step < max), max].map(sizeOf));
    progress(`${values.n} pushes a step`);
    await measurePushes(steps, Number(values.n));
    progress(`${CALLS} claims and looks a step`);
    await measureLedgers(steps);
    report(steps);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
