/**
 * Measures the cost of a message on the edge: the calls to D1, their statements and the rows they read and write, counted in
 * workerd by the real Worker from D1's own `meta`, and what a million of each costs at Cloudflare's prices. The counts do
 * not depend on the machine. Exits with 1 when a goal is missed.
 */
import { parseArgs } from "node:util";
import { firstWords } from "#testing/database-calls.ts";
import { applyAgents } from "../appservice/live/hosts.ts";
import { METERS, ROWS_READ, ROWS_WRITTEN } from "./edge/prices.ts";
import { ADMIN_TOKEN, openStage, type Stage } from "./edge/stage.ts";
import type { Counted, Statement } from "./edge/worker.ts";
import { table, whole } from "./figures.ts";

/** The most that an answered direct message may cost, without its echo. */
const ANSWERED_CALLS_MAX = 14;
const ANSWERED_ROWS_READ_MAX = 60;
const ANSWERED_ROWS_WRITTEN_MAX = 30;
/** The most calls for a message that addresses no agent. */
const UNADDRESSED_CALLS_MAX = 5;

const AGENTS_IN_CROWD = 100;
/** The repair of a minute reads back no more quiet rooms than this. */
const ROOMS = 10;
const ALICE = "@alice:hs.test";
const BOB = "@bob:hs.test";
const QUESTION = "What is the time?";

const HELP = `npm run bench:edge -- [--calls]

Counts what a message costs on Cloudflare; exits with 1 when a goal is missed.

--calls   Print every call to D1 too: the first words of its statements, each with [rows read/rows written].
`;

/** Something that happened, with the counts before and after it. */
interface Step {
  name: string;
  before: Counted;
  after: Counted;
}

const idOf = (n: number): string => `a${String(n).padStart(3, "0")}`;
const ghostOf = (n: number): string => `@agent_${idOf(n)}:hs.test`;
const AGENTS = Array.from({ length: AGENTS_IN_CROWD }, (_, n) => ({
  id: idOf(n),
  name: `Agent ${n}`,
  backend: { use: "echo" },
}));

/** Each says one message in a room of its own. */
interface Messages {
  toNoAgent(): void;
  direct(): void;
  inCrowd(): void;
  /** How many replies there are to the latter two. */
  replies(): number;
}

async function enterRooms({ homeserver, counted }: Stage): Promise<Messages> {
  const group = homeserver.createRoom(ALICE, BOB, ghostOf(0));
  const crowd = homeserver.createRoom(ALICE, ...AGENTS.map((_, n) => ghostOf(n)));
  const direct = homeserver.createRoom(ALICE);
  homeserver.invite(direct, ALICE, ghostOf(0), { is_direct: true });
  for (let n = 3; n < ROOMS; n++) homeserver.createRoom(ALICE, ghostOf(0));
  await counted();
  const lastAgent = { "m.mentions": { user_ids: [ghostOf(AGENTS_IN_CROWD - 1)] } };
  const isReply = ({ body }: { body: string }): boolean => body === `echo ${QUESTION}`;
  return {
    toNoAgent: () => void homeserver.say(group, ALICE, "Shall we have lunch?"),
    direct: () => void homeserver.say(direct, ALICE, QUESTION),
    inCrowd: () => void homeserver.say(crowd, ALICE, QUESTION, lastAgent),
    replies: () => [direct, crowd].flatMap((room) => homeserver.visible(room)).filter(isReply).length,
  };
}

/** Runs the steps one after another; each begins when the Worker is idle. */
async function measure(stage: Stage): Promise<Record<"unaddressed" | "answered", Step> & { all: Step[] }> {
  await applyAgents(stage.host, ADMIN_TOKEN, AGENTS);
  await stage.ringCron();
  const say = await enterRooms(stage);
  // The first of each stores what every later one finds: the ghost, its device, the buckets, the lanes.
  for (const warmUp of [say.toNoAgent, say.direct, say.inCrowd, stage.ringCron]) {
    await warmUp();
    await stage.counted();
  }
  const unaddressed = await step(stage, "message to no agent", say.toNoAgent);
  const answered = await answer(stage, say, "answered direct message", say.direct);
  const crowd = await answer(stage, say, `answered, 1 of ${AGENTS_IN_CROWD} agents`, say.inCrowd);
  const idle = await step(stage, `idle minute, ${ROOMS} rooms`, stage.ringCron);
  return { unaddressed, answered: answered.alone, all: [unaddressed, ...answered.all, ...crowd.all, idle] };
}

/** A message with its answer, the echo of the answer, and both. The echo is held back until the answer is over. */
async function answer(
  stage: Stage,
  { replies }: Messages,
  name: string,
  say: () => void,
): Promise<{ alone: Step; all: Step[] }> {
  const before = replies();
  const alone = await step(stage, name, () => {
    stage.relay.pass(1);
    say();
  });
  if (replies() !== before + 1 || stage.relay.waiting() !== 1) throw new Error(`${name}: not one reply and its echo`);
  const echo = await step(stage, "  its echo", () => stage.relay.pass(Number.POSITIVE_INFINITY));
  return { alone, all: [alone, echo, { name: "  both", before: alone.before, after: echo.after }] };
}

async function step({ counted }: Stage, name: string, run: () => void | Promise<void>): Promise<Step> {
  const before = await counted();
  await run();
  return { name, before, after: await counted() };
}

const callsOf = ({ before, after }: Step): Statement[][] => after.calls.slice(before.calls.length);
const used = ({ before, after }: Step, { read }: (typeof METERS)[number]): number => read(after) - read(before);

/** US dollars for a million of a step, with nothing included. */
const millionCosts = (measured: Step): number =>
  METERS.reduce((cost, meter) => cost + used(measured, meter) * meter.perMillion, 0);

/** How many of a step fit into the included amounts of a month. */
const includedAMonth = (measured: Step): number =>
  Math.min(...METERS.map((meter) => meter.included / used(measured, meter)));

function report(steps: readonly Step[]): void {
  const head = ["", "calls", "statements", ...METERS.map(({ name }) => name), "$ a million", "included a month"];
  const rows = steps.map((measured) => [
    measured.name,
    String(callsOf(measured).length),
    String(callsOf(measured).flat().length),
    ...METERS.map((meter) => String(used(measured, meter))),
    millionCosts(measured).toFixed(2),
    whole(Math.floor(includedAMonth(measured))),
  ]);
  process.stdout.write(`${table(head, rows)}\n`);
  const prices = METERS.map(({ name, perMillion, included, link }) => [
    name,
    `$${perMillion}`,
    whole(included),
    `  ${link}`,
  ]);
  process.stdout.write(`${table(["Workers Paid", "a million", "included a month", ""], prices)}\n`);
  process.stdout.write("Not counted: CPU time, the time for which objects are in memory, storage.\n\n");
}

/** Prints each goal and whether it is met; returns whether all are. */
function judge({ unaddressed, answered }: Record<"unaddressed" | "answered", Step>): boolean {
  const goals = [
    { of: unaddressed, what: "calls", value: callsOf(unaddressed).length, max: UNADDRESSED_CALLS_MAX },
    { of: answered, what: "calls", value: callsOf(answered).length, max: ANSWERED_CALLS_MAX },
    { of: answered, what: "rows read", value: used(answered, ROWS_READ), max: ANSWERED_ROWS_READ_MAX },
    { of: answered, what: "rows written", value: used(answered, ROWS_WRITTEN), max: ANSWERED_ROWS_WRITTEN_MAX },
  ];
  const rows = goals.map(({ of, what, value, max }) => [
    of.name,
    what,
    String(value),
    String(max),
    value <= max ? "met" : "MISSED",
  ]);
  process.stdout.write(table(["goal", "", "counted", "at most", ""], rows));
  return goals.every(({ value, max }) => value <= max);
}

function list(steps: readonly Step[]): void {
  for (const measured of steps) {
    const lines = callsOf(measured).map((statements, at) => {
      const texts = statements.map(
        ({ text, rowsRead, rowsWritten }) => `${firstWords(text)} [${rowsRead}/${rowsWritten}]`,
      );
      return `${String(at + 1).padStart(3)}. ${texts.join("\n     ")}`;
    });
    process.stdout.write(`${measured.name.trim()}\n${lines.join("\n")}\n\n`);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { calls: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
  });
  if (values.help) return void process.stdout.write(HELP);
  const stage = await openStage();
  try {
    const { all, ...judged } = await measure(stage);
    if (values.calls) list(all.filter(({ name }) => name !== "  both"));
    report(all);
    if (!judge(judged)) process.exitCode = 1;
  } catch (error) {
    process.stderr.write(`${stage.host.log()}\n`);
    throw error;
  } finally {
    await stage.close();
  }
}

await main();
