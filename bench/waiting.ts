/**
 * What turns cost that wait for a place: thousands of sessions behind a backend that hangs. While nothing changes they
 * should cost nothing; and when a place becomes free, the turn that has waited longest should begin at once.
 *
 * The lanes and the file's database are those of the host, with its sweep and its upkeep; the homeserver accepts everything.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { AgentId } from "#core/protocol/ids.ts";
import type { LaneId } from "#core/turn/lane.ts";
import type { Ledger } from "#ports/ledger.ts";
import { delta, FINISH, lanesOn } from "#testing/lanes.ts";
import { aPrompt, aSpec, aTurn, NAMESPACE, settled } from "#testing/ledger-rows.ts";
import { fileLedger } from "../appservice/host/ledger.ts";
import { systemClock } from "../worker/clock.ts";
import { grantMissed } from "../worker/lanes/places.ts";
import { median, ms, quantile, whole } from "./figures.ts";

const SWEEP_MS = 5_000;
const UPKEEP_MS = 60_000;
const TURNS_AT_ONCE = 200;
const CPU_PERCENT_MAX = 1;
/** All turns but those that run wait once no database call but renewals was made for this long. */
const QUIET_MS = 6_000;
const FREED = 50;

/** The ledger, with the names of the methods that were called since `take`. */
function counted(ledger: Ledger): { ledger: Ledger; take: () => string[] } {
  let names: string[] = [];
  const counting = new Proxy(ledger, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...given: unknown[]) => {
        names.push(String(name));
        return Reflect.apply(method, target, given);
      };
    },
  });
  return {
    ledger: counting,
    take() {
      const taken = names;
      names = [];
      return taken;
    },
  };
}

/** A backend that answers when it is told to. `began` has the sessions whose turns began, with the time. */
function hangingBackend() {
  const began = new Map<string, number>();
  const ends: (() => void)[] = [];
  const script: Parameters<typeof lanesOn>[0]["script"] = async function* ({ session }, { signal }) {
    began.set(session.key, performance.now());
    await new Promise<void>((resolve) => {
      ends.push(resolve);
      signal.addEventListener("abort", () => resolve());
    });
    yield* [delta("done"), FINISH];
  };
  return { began, script, endOne: () => ends.shift()?.() };
}

async function keepUp(ledger: Ledger, ring: (lanes: LaneId[]) => Promise<void>, over: AbortSignal): Promise<void> {
  const doorbell = { ring: (lanes: readonly LaneId[]) => ring([...lanes]) };
  for (let atMs = 0; !over.aborted; atMs += SWEEP_MS) {
    await ring(await ledger.dueLanes(Date.now(), 1_000));
    if (atMs % UPKEEP_MS === 0) await grantMissed({ ledger, clock: systemClock, doorbell, turnsAtOnce: TURNS_AT_ONCE });
    await systemClock.sleep(SWEEP_MS, over);
  }
}

async function measure(folder: string, turns: number, seconds: number): Promise<boolean> {
  const opened = fileLedger(join(folder, "troupe.db"), NAMESPACE);
  const { ledger, take } = counted(opened.ledger);
  const { began, script, endOne } = hangingBackend();
  const day = 86_400;
  await ledger.setAgents([aSpec("echo", { turns: { firstText: day, turnTime: day, replyAge: day } })]);
  const names = Array.from({ length: turns }, (_, n) => `session${n}`);
  const agent = AgentId.parse("echo");
  const askedAtMs = Date.now();
  await settled(opened.ledger, {
    turns: names.map((session) => aTurn({ session, agent, askedAtMs, prompt: aPrompt(session) })),
  });
  const lanes = lanesOn({ ledger, clock: systemClock, script, turnsAtOnce: TURNS_AT_ONCE, turnMsMax: day * 1_000 });
  const over = new AbortController();
  const startedAt = performance.now();
  const upkeep = keepUp(ledger, lanes.ring, over.signal);
  do {
    take();
    await sleep(QUIET_MS);
  } while (take().some((name) => name !== "renew" && name !== "dueLanes"));
  const running = began.size;
  const settledMs = performance.now() - startedAt - 2 * QUIET_MS;
  process.stderr.write(`${whole(turns - running)} turns wait behind ${running} since ${ms(Math.max(settledMs, 0))}\n`);

  take();
  const cpu = process.cpuUsage();
  const from = performance.now();
  await sleep(seconds * 1_000);
  const { user, system } = process.cpuUsage(cpu);
  const percent = (user + system) / 10 / (performance.now() - from);
  const calls = take();
  const renewals = calls.filter((name) => name === "renew").length;
  const others = (calls.length - renewals) / seconds;

  const times: number[] = [];
  for (let freed = 0; freed < FREED; freed++) {
    const before = began.size;
    const freedAt = performance.now();
    endOne();
    while (began.size === before) await sleep(0);
    times.push(([...began.values()].at(-1) ?? Number.NaN) - freedAt);
    await sleep(20);
  }
  over.abort();
  await upkeep;
  const isCheap = percent <= CPU_PERCENT_MAX && others < 1;
  process.stdout.write(
    `${whole(turns - running)} waiting turns for ${seconds} s: ${percent.toFixed(2)} % CPU, ` +
      `${others.toFixed(2)} database calls a second, and ${(renewals / seconds).toFixed(2)} to renew leases of running turns: ` +
      `${isCheap ? "cheap" : "NOT CHEAP"}\n` +
      `from a freed place to the next turn: ${ms(median(times))}, p90 ${ms(quantile(times, 0.9))}\n`,
  );
  return isCheap;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      turns: { type: "string", default: "3000" },
      seconds: { type: "string", default: "30" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    return void process.stdout.write("npm run bench:waiting -- [--turns 3000] [--seconds 30]\n");
  }
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
  try {
    const isCheap = await measure(folder, Number(values.turns), Number(values.seconds));
    // Running turns hang, and nobody waits for them.
    process.exitCode = isCheap ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit();
}

await main();
