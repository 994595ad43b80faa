/** What happens to the bridge while users talk: it is killed, started twice, and its clock is moved. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { freePort, type HostKind, type HostSettings, type RunningHost, startHost } from "../hosts.ts";

export interface Bridge {
  /** Kills it without warning and starts it again, sometimes with its successors beside it. */
  restart(): Promise<void>;
  /** Moves the clock of every process; later ones start with it. */
  moveClock(): void;
  kill(): Promise<void>;
  counts: { kills: number; overlaps: number; clockMoves: number };
}

interface Needs {
  kind: HostKind;
  settings: HostSettings;
  random: () => number;
  /** A successor may start while its predecessor still runs, and another one beside both. */
  overlaps: boolean;
  /** The system clock may jump. */
  clock: boolean;
  /** Tells the homeserver where to push. */
  pushTo: (url: string) => void;
}

const OVERLAP_CHANCE = 0.3;
const THIRD_CHANCE = 0.3;
const OVERLAP_MS_MAX = 1_500;
const DAY_MS = 86_400_000;
/** Zero is there twice, so that the clock is right half of the time. */
const CLOCKS_MS = [0, 0, DAY_MS, -DAY_MS, 365 * DAY_MS, -365 * DAY_MS];

/** Starts the bridge, as the only process on its folder. */
export async function startBridge(needs: Needs): Promise<Bridge> {
  const { kind, random, pushTo } = needs;
  const clockFile = join(needs.settings.folder, "clock-of-chaos");
  writeFileSync(clockFile, "0");
  const moving = pathToFileURL(join(import.meta.dirname, "moving-clock.ts")).href;
  const clockEnv = needs.clock ? { NODE_OPTIONS: `--import ${moving}`, CHAOS_CLOCK: clockFile } : {};
  const settings = { ...needs.settings, env: { ...needs.settings.env, ...clockEnv } };
  const counts = { kills: 0, overlaps: 0, clockMoves: 0 };
  let running: RunningHost[] = [];

  async function startOne(port: number): Promise<void> {
    const host = await startHost(kind, { ...settings, port });
    running.push(host);
    pushTo(host.url);
  }
  async function killOldest(): Promise<void> {
    await running.shift()?.kill();
    counts.kills++;
  }
  async function overlap(): Promise<void> {
    counts.overlaps++;
    const successors = random() < THIRD_CHANCE ? 2 : 1;
    for (let n = 0; n < successors; n++) {
      await startOne(await freePort());
      await sleep(random() * OVERLAP_MS_MAX);
    }
    while (running.length > 1) await killOldest();
  }

  await startOne(settings.port);
  return {
    counts,
    async restart() {
      if (needs.overlaps && random() < OVERLAP_CHANCE) return overlap();
      await killOldest();
      await startOne(await freePort());
    },
    moveClock() {
      if (!needs.clock) return;
      counts.clockMoves++;
      writeFileSync(clockFile, String(CLOCKS_MS[Math.floor(random() * CLOCKS_MS.length)] ?? 0));
    },
    async kill() {
      for (const host of running) await host.kill();
      running = [];
    },
  };
}
