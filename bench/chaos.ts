/** `npm run chaos`: a long run, started by hand. A short one is among the live tests. */
import { parseArgs } from "node:util";
import { type ChaosReport, chaos, type Trials } from "../appservice/live/chaos/chaos.ts";

const HELP = `npm run chaos -- [--host node|worker|both] [--kills 500] [--sessions 200] [--messages 4000] [--seed 1]
                 [--without overlaps,clock,broken,restored] [--compare] [--json]

Sessions talk to an agent while Troupe is killed at random moments, and on Node the homeserver too. Every message must
be answered once and in order. The Worker starts slowly: give it fewer kills.

  overlaps   starts overlap with their predecessors (Node)
  clock      the clock jumps by a day or a year (Node)
  restored   the homeserver's database is put back to a copy of it, in the middle (Node)
  broken     a backend never answers, and the homeserver answers 500 to everything in one room

--compare runs twice, the second time without the broken backend and room. It says how much slower the others were.
`;
const { values } = parseArgs({
  options: {
    host: { type: "string", default: "node" },
    kills: { type: "string", default: "500" },
    sessions: { type: "string", default: "200" },
    messages: { type: "string", default: "4000" },
    seed: { type: "string", default: "1" },
    without: { type: "string", default: "" },
    compare: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const kinds =
  values.host === "both" ? (["node", "worker"] as const) : ([values.host === "worker" ? "worker" : "node"] as const);
const without = values.without.split(",");
const trials: Trials = {
  overlaps: !without.includes("overlaps"),
  clock: !without.includes("clock"),
  broken: !without.includes("broken"),
  restored: !without.includes("restored"),
};
/** Slower than this, the 95th percentile of the other rooms shows that they wait for the broken one. */
const SLOWER_MAX = 1.5;

async function run(kind: (typeof kinds)[number], given: Trials): Promise<ChaosReport> {
  const report = await chaos({
    kind,
    kills: Number(values.kills),
    sessions: Number(values.sessions),
    messages: Number(values.messages),
    seed: Number(values.seed),
    trials: given,
    progress: (line) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`),
  });
  if (process.stderr.isTTY) process.stderr.write("\n");
  print(kind, report);
  return report;
}

function print(kind: string, report: ChaosReport): void {
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ kind, ...report })}\n`);
    return;
  }
  const { exceptions, ...figures } = report;
  const line = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  process.stdout.write(`${kind}: ${line.join(", ")}\n`);
  process.stdout.write(
    exceptions.length === 0 ? "no exception\n" : `${exceptions.length} exceptions:\n${exceptions.join("\n")}\n`,
  );
}

let failed = false;
for (const kind of kinds) {
  const report = await run(kind, trials);
  failed ||= report.exceptions.length > 0;
  if (!values.compare) continue;
  const calm = await run(kind, { ...trials, broken: false });
  const ratio = report.p95Ms / calm.p95Ms;
  failed ||= calm.exceptions.length > 0 || ratio > SLOWER_MAX;
  process.stdout.write(
    `the other rooms' p95: ${ratio.toFixed(2)} of a run without the broken ones (≤ ${SLOWER_MAX})\n`,
  );
}
process.exitCode = failed ? 1 : 0;
