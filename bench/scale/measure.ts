/** What is measured on the ledgers: pushes to a host of each, and calls to each ledger in this process. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Libsql from "libsql";
import type { LaneId } from "#core/turn/lane.ts";
import type { Ledger } from "#ports/ledger.ts";
import { fileLedger } from "../../appservice/host/ledger.ts";
import { freePort } from "../../appservice/live/hosts.ts";
import { ended, HS_TOKEN, homeserverOf, roomMessage, SERVER_NAME, shuffled, watch } from "../ingest.ts";
import { NAMESPACE, personOf, roomOf, type Step, sessionOf } from "./sizes.ts";

/** Each measurement is repeated this often before it counts. */
export const WARM_UP = 50;
/** Calls of each kind that are measured on each ledger. */
export const CALLS = 1_000;
const PAUSE_MS = 4;
/** Events, turns and outbox rows that are open while due lanes are looked for: the same number at every step. */
const OPEN = 5;
const UP_MS_MAX = 60_000;

interface Host {
  step: Step;
  child: ChildProcess;
  port: number;
}

/** Starts a host as `npm start` does, and measures how long it takes. */
async function startHost(step: Step): Promise<Host> {
  const port = await freePort();
  const env: Record<string, string> = {
    HOMESERVER_URL: "http://127.0.0.1:9",
    SERVER_NAME,
    AS_TOKEN: "as-token-of-the-bench",
    HS_TOKEN,
    PORT: String(port),
    DATA_DIR: step.folder,
    TROUPE_FILE: "none",
  };
  const startedAt = performance.now();
  const child = spawn(process.execPath, [join(import.meta.dirname, "../../appservice/index.ts")], {
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

/** Pushes one event at a time, which addresses no agent of its room; the next one when the event is decided. */
export async function measurePushes(steps: readonly Step[], pushes: number): Promise<void> {
  const hosts: Host[] = [];
  try {
    // One after the other, or the hosts would slow each other down.
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

/** Measures calls to the ledgers in this process; the hosts must have ended. */
export async function measureLedgers(steps: readonly Step[]): Promise<void> {
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

/** Reopens some rows, so that there are due lanes to find. */
function leaveOpen(path: string): void {
  const file = new Libsql(path);
  const first = (state: string, of: string) =>
    file.exec(`UPDATE ${of} SET ${state} WHERE seq IN (SELECT seq FROM ${of} ORDER BY seq LIMIT ${OPEN})`);
  first("verdict = NULL", "events");
  first("state = 'queued'", "turns");
  first("state = 'frozen'", "outbox");
  file.close();
}

const below = (count: number): number => Math.floor(Math.random() * count);
