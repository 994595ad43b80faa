/**
 * How long a homeserver waits for its 200, for transactions of 1 and of 100 events over one connection. Three contestants
 * race: Troupe, a bare `node:http` server that only commits the events to SQLite, and `matrix-appservice`, which stores
 * nothing. Each is a process of its own. They take turns transaction by transaction, so that other load on the machine
 * affects all of them.
 *
 * The events address no agent. The next transaction comes after Troupe has decided the events, as it usually does in
 * practice; on a small machine the deciding would slow the next contestant down otherwise.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { Agent as HttpAgent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import Libsql from "libsql";
import { freePort, startHost } from "../appservice/live/hosts.ts";
import { median, ms, quantile, ratioInterval, table, whole } from "./figures.ts";
import type { IngestRival, IngestRivalSettings } from "./rivals/ingest.ts";

export const HS_TOKEN = "hs-token-of-the-bench";
export const SERVER_NAME = "bench.localhost";
const ROOM = `!bench:${SERVER_NAME}`;
const SIZES = [1, 100] as const;
const WARM_UP = 100;
/** Longer than the host needs to release the room's lane after the decision. */
const PAUSE_MS = 4;
const BURST_TRANSACTIONS = 50;
const BURSTS = 5;
const COMMIT_MAX = 1.5;
const P50_MS_MAX = 5;

/** An event as Synapse pushes it: about 600 bytes, with the duplicate keys of its v1 format. */
export function roomMessage(roomId: string, sender: string) {
  const body = "Some words without an answer, of a usual length for a chat between two people who **know** each other.";
  const formatted_body = body.replace("**know**", "<strong>know</strong>");
  return {
    type: "m.room.message",
    room_id: roomId,
    sender,
    content: { body, format: "org.matrix.custom.html", formatted_body, "m.mentions": {}, msgtype: "m.text" },
    origin_server_ts: Date.now(),
    unsigned: { age: 17 },
    event_id: `$${randomBytes(32).toString("base64url")}`,
    user_id: sender,
    age: 17,
  };
}

export interface Homeserver {
  /** Resolves to the time until the 200 in milliseconds; rejects on any other answer. */
  push(events: readonly object[]): Promise<number>;
  close(): void;
}

/** The part of a homeserver that pushes, over one connection that stays open. Transaction ids count from 1. */
export function homeserverOf(port: number): Homeserver {
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const headers = { authorization: `Bearer ${HS_TOKEN}`, "content-type": "application/json" };
  let transactions = 0;
  return {
    push(events) {
      const path = `/_matrix/app/v1/transactions/${++transactions}`;
      const body = JSON.stringify({ events });
      const length = { "content-length": String(Buffer.byteLength(body)) };
      return new Promise((resolve, reject) => {
        const startedAt = performance.now();
        const options = { host: "127.0.0.1", port, path, method: "PUT", agent, headers: { ...headers, ...length } };
        const sent = request(options, (answer) => {
          answer.resume();
          answer.once("end", () => {
            if (answer.statusCode === 200) resolve(performance.now() - startedAt);
            else reject(new Error(`${path} was answered with ${answer.statusCode}`));
          });
        });
        sent.once("error", reject);
        sent.end(body);
      });
    },
    close: () => agent.destroy(),
  };
}

export interface Watched {
  /** Resolves when every stored event is decided. */
  settled(): Promise<void>;
  close(): void;
}

/** Watches the database file, because a request to the host would disturb the measurement. */
export function watch(path: string): Watched {
  const file = new Libsql(path);
  const undecided = file.prepare("SELECT 1 FROM events WHERE verdict IS NULL LIMIT 1");
  return {
    async settled() {
      while (undecided.all().length > 0) await sleep(1);
    },
    close: () => void file.close(),
  };
}

export function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((one) => ({ one, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

interface Contestant {
  name: string;
  homeserver: Homeserver;
  settled(): Promise<void>;
  stop(): Promise<unknown>;
  /** The times until the 200, by the size of the transaction, in milliseconds. */
  times: Record<(typeof SIZES)[number], number[]>;
  /** Events per second in consecutive transactions of 100, until they are acknowledged and until they are decided. */
  bursts: { acknowledged: number[]; decided: number[] };
}

const contestant = (its: Pick<Contestant, "name" | "homeserver" | "settled" | "stop">): Contestant => ({
  ...its,
  times: { 1: [], 100: [] },
  bursts: { acknowledged: [], decided: [] },
});

async function startTroupe(folder: string): Promise<Contestant> {
  const port = await freePort();
  const host = await startHost("node", {
    homeserver: "http://127.0.0.1:9",
    serverName: SERVER_NAME,
    asToken: "as-token-of-the-bench",
    hsToken: HS_TOKEN,
    adminToken: "admin-token-of-the-bench",
    port,
    folder,
    env: {},
  });
  const file = new Libsql(join(folder, "troupe.db"));
  // It would ask the homeserver about a room in which it knows none of its own, and there is none.
  file
    .prepare("INSERT INTO members (room_id, user_id, membership) VALUES (?, ?, 'join')")
    .run(ROOM, `@troupe:${SERVER_NAME}`);
  file.close();
  const { settled, close } = watch(join(folder, "troupe.db"));
  const stop = async () => {
    close();
    await host.kill();
  };
  return contestant({ name: "Troupe on Node", homeserver: homeserverOf(port), settled, stop });
}

async function startRival(name: string, rival: IngestRival, folder: string): Promise<Contestant> {
  mkdirSync(folder);
  const settings: IngestRivalSettings = { port: await freePort(), hsToken: HS_TOKEN, file: join(folder, "events.db") };
  const script = join(import.meta.dirname, "rivals/ingest.ts");
  const child = spawn(process.execPath, [script, rival, JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}`)));
  });
  const stop = () => ended(child);
  return contestant({ name, homeserver: homeserverOf(settings.port), settled: async () => undefined, stop });
}

/** Kills a child process and waits for its end. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}

const messages = (events: number) => Array.from({ length: events }, () => roomMessage(ROOM, `@alice:${SERVER_NAME}`));

async function race(contestants: readonly Contestant[], size: (typeof SIZES)[number], transactions: number) {
  for (let n = 0; n < transactions + WARM_UP; n++) {
    for (const { homeserver, settled, times } of shuffled(contestants)) {
      const time = await homeserver.push(messages(size));
      if (n >= WARM_UP) times[size].push(time);
      await settled();
      await sleep(PAUSE_MS);
    }
  }
}

/** Many transactions without a pause, as from a homeserver after an outage. */
async function burst(contestants: readonly Contestant[]): Promise<void> {
  for (let n = 0; n < BURSTS; n++) {
    for (const { homeserver, settled, bursts } of shuffled(contestants)) {
      const transactions = Array.from({ length: BURST_TRANSACTIONS }, () => messages(100));
      const startedAt = performance.now();
      for (const events of transactions) await homeserver.push(events);
      bursts.acknowledged.push(perSecond(BURST_TRANSACTIONS * 100, performance.now() - startedAt));
      await settled();
      bursts.decided.push(perSecond(BURST_TRANSACTIONS * 100, performance.now() - startedAt));
      await sleep(PAUSE_MS);
    }
  }
}

const perSecond = (events: number, inMs: number): number => (events * 1000) / inMs;
const us = (value: number): string => `${(value * 1000).toFixed(1)} µs`;

interface Goal {
  /** The comparison, as the middle of a sentence. */
  name: string;
  value: number;
  low: number;
  high: number;
  max: number;
  /** Appended to `name` in the report. */
  detail: string;
}

function goalsOf([ours, commit, library]: readonly Contestant[]): Goal[] {
  if (!ours || !commit || !library) return [];
  const compared = (size: (typeof SIZES)[number], to: Contestant) => {
    const [low, high] = ratioInterval(ours.times[size], to.times[size]);
    return { low, high, value: median(ours.times[size]) / median(to.times[size]) };
  };
  const [perEvent, itsPerEvent] = [median(ours.times[100]) / 100, median(library.times[100]) / 100];
  return [
    ...SIZES.map((size) => ({
      name: `of the bare commit at ${size} ${size === 1 ? "event" : "events"}`,
      ...compared(size, commit),
      max: COMMIT_MAX,
      detail: "",
    })),
    {
      name: "of matrix-appservice at 100 events, per event",
      ...compared(100, library),
      max: 1,
      detail: ` (${us(perEvent)} an event stored durably, ${us(itsPerEvent)} an event stored nowhere)`,
    },
  ];
}

function report(contestants: readonly Contestant[]): void {
  const [, commit, library] = contestants;
  for (const size of SIZES) {
    const rows = contestants.map(({ name, times: { [size]: its } }) => [
      name,
      ...[ms(median(its)), ms(quantile(its, 0.9)), us(median(its) / size), whole(perSecond(size, median(its)))],
      ...[commit, library].map((to) => (to ? median(its) / median(to.times[size]) : Number.NaN).toFixed(2)),
    ]);
    const title = `${size} ${size === 1 ? "event" : "events"} a transaction`;
    const head = [title, "p50", "p90", "an event", "events/s", "to commit", "to library"];
    process.stdout.write(`${table(head, rows)}\n`);
  }
  const rows = contestants.map(({ name, bursts: { acknowledged, decided } }) => [
    ...[name, whole(median(acknowledged)), name.startsWith("Troupe") ? whole(median(decided)) : "–"],
  ]);
  process.stdout.write(`${table(["100 at once, no pause", "acknowledged/s", "decided/s"], rows)}\n`);
  for (const { name, value, low, high, max, detail } of goalsOf(contestants)) {
    const verdict = high <= max ? "within" : low <= max ? "not shown to be above" : "ABOVE";
    const spread = `${low.toFixed(2)}–${high.toFixed(2)} with 95 % confidence`;
    process.stdout.write(`Troupe on Node: ${value.toFixed(2)} ${name}${detail} (${spread}): ${verdict} ${max}\n`);
  }
  const p50 = median(contestants[0]?.times[100] ?? []);
  process.stdout.write(`100 events in ${ms(p50)}: ${p50 <= P50_MS_MAX ? "within" : "ABOVE"} ${P50_MS_MAX} ms\n`);
}

function reportJson(contestants: readonly Contestant[], transactions: number): void {
  const medians = contestants.map(({ name, times, bursts }) => ({
    name,
    p50Ms: Object.fromEntries(SIZES.map((size) => [size, median(times[size])])),
    burst: { acknowledged: median(bursts.acknowledged), decided: median(bursts.decided) },
  }));
  const goals = goalsOf(contestants).map(({ name, value, low, high, max }) => ({ name, value, low, high, max }));
  process.stdout.write(`${JSON.stringify({ transactions, medians, goals })}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      n: { type: "string", default: "200" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    const usage = "npm run bench:ingest -- [--n 200] [--json]";
    process.stdout.write(
      `${usage}\n\n--n   Transactions of each size for each contestant, after a hundred to warm up.\n`,
    );
    return;
  }
  const transactions = Number(values.n);
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
  const contestants: Contestant[] = [];
  try {
    contestants.push(await startTroupe(join(folder, "host")));
    contestants.push(await startRival("node:http and a commit", "commit", join(folder, "commit")));
    contestants.push(await startRival("matrix-appservice", "library", join(folder, "library")));
    for (const size of SIZES) {
      process.stderr.write(`${transactions} transactions of ${size}\n`);
      await race(contestants, size, transactions);
    }
    process.stderr.write("bursts\n");
    await burst(contestants);
    if (values.json) reportJson(contestants, transactions);
    else report(contestants);
  } finally {
    for (const { homeserver, stop } of contestants) {
      homeserver.close();
      await stop();
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();
