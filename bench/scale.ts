/**
 * Whether work becomes slower as the ledger grows: the same work on ledgers with 10 to 1,000,000 stored events, 10 to
 * 100,000 sessions and 10 to 10,000 agents. Acknowledging a push, claiming a lane and looking for due lanes should cost
 * what is open, not what is stored, and the memory of the host should stay the same.
 *
 * Each step has a file of its own, grown from a copy of the one before, and a host process of its own. The steps take
 * turns, so that other load on the machine affects all of them.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median, ms, quantile, ratioInterval, table, whole } from "./figures.ts";
import { fillAll } from "./scale/fill.ts";
import { CALLS, measureLedgers, measurePushes, WARM_UP } from "./scale/measure.ts";
import { type Step, sizeOf } from "./scale/sizes.ts";

const STEPS = [10, 1_000, 30_000, 1_000_000];
const RSS_MB_MAX = 250;

const progress = (line: string): void => void process.stderr.write(`${line}\n`);
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
    const compared = `the value at ${whole(smallest.events)} events`;
    const ratio = (median(its) / median(first)).toFixed(2);
    process.stdout.write(`${name} at ${whole(largest.events)} events: ${ratio} of ${compared}${spread}\n`);
  }
  const most = Math.max(...steps.map(({ rss }) => rss));
  process.stdout.write(
    `memory: ${mb(most)} at the most: ${most < RSS_MB_MAX ? "below" : "NOT BELOW"} ${RSS_MB_MAX} MB\n`,
  );
}

/** One bar for each step, relative to the longest. */
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

--max   Events in the largest ledger; agents and sessions grow with them. The default needs about 1.1 GB.
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
    const sizes = [...STEPS.filter((step) => step < max), max].map(sizeOf);
    const steps = fillAll(folder, sizes, ({ events }, time) =>
      progress(`filled ${whole(events)} events in ${seconds(time)}`),
    );
    progress(`${values.n} pushes a step`);
    await measurePushes(steps, Number(values.n));
    progress(`${CALLS} claims and searches for due lanes a step`);
    await measureLedgers(steps);
    report(steps);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
