/**
 * Whether anything that others send makes the process stand still: the longest stretch of work without a pause over hostile
 * texts, names, states, replies and transactions, the median of three runs of each. To parse one body is a single call, and is
 * left out, and so is one SQL statement a stretch. Then the same texts are echoed by a running bridge, while its door is pushed other transactions.
 */
import { parseArgs } from "node:util";
import { median, ms, table } from "../figures.ts";
import { measureDoor } from "./door.ts";
import { longestStretch } from "./stage.ts";
import { openWorks } from "./works.ts";

const STRETCH_MS_MAX = 50;
const DOOR_MS_MAX = 100;
const RUNS = 3;

const HELP = `npm run bench:stretch -- [--only text] [--no-door]

--only      Only the works whose name has this text.
--no-door   Without the running bridge.
`;

const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, "no-door": { type: "boolean" }, help: { type: "boolean" } },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const verdict = (isMet: boolean): string => (isMet ? "met" : "MISSED");

async function measureWorks(): Promise<boolean> {
  const { works, close } = await openWorks();
  const wanted = works.filter(({ name }) => name.includes(values.only));
  const times = new Map<string, number[]>(wanted.map(({ name }) => [name, []]));
  try {
    for (let run = 0; run < RUNS; run++) {
      for (const { name, prepare, run: work } of wanted) {
        await prepare?.();
        times.get(name)?.push(await longestStretch(work));
      }
      process.stderr.write(`run ${run + 1} of ${RUNS}\n`);
    }
  } finally {
    close();
  }
  const results = [...times].map(([name, all]) => ({ name, all, middle: median(all) }));
  results.sort((a, b) => b.middle - a.middle);
  const rows = results.map(({ name, all, middle }) => [name, ms(middle), ...all.map(ms)]);
  const heads = Array.from({ length: RUNS }, (_, n) => `run ${n + 1}`);
  process.stdout.write(table(["longest stretch", "median", ...heads], rows));
  const worst = results[0]?.middle ?? 0;
  const isMet = worst <= STRETCH_MS_MAX;
  process.stdout.write(`the longest of all is ${ms(worst)}; at most ${STRETCH_MS_MAX} ms: ${verdict(isMet)}\n`);
  return isMet;
}

let isMet = await measureWorks();
if (!values["no-door"]) {
  const { p99, pushes } = await measureDoor();
  const isDoorMet = p99 <= DOOR_MS_MAX;
  process.stdout.write(`the door's p99 of ${pushes} is ${ms(p99)}; at most ${DOOR_MS_MAX} ms: ${verdict(isDoorMet)}\n`);
  isMet &&= isDoorMet;
}
process.exit(isMet ? 0 : 1);
