/** `/health`, open to everyone, and `/metrics`, for the operator. */

import { Hono } from "hono";
import { BOUNDS } from "#core/bounds.ts";
import type { Capability } from "#core/protocol/capabilities.ts";
import type { UserId } from "#core/protocol/ids.ts";
import { messageOf } from "#core/result.ts";
import { homeserverProblems, LACKED, type Refusal } from "#core/strings/health.ts";
import { UNREADABLE_ROWS } from "#core/strings/repair.ts";
import type { Clock, Log, Writes } from "#ports/host.ts";
import type { Figures, OperatorLedger } from "#ports/operator.ts";
import { type IsOperator, refusalOf } from "./operator.ts";
import { takesWrites } from "./writes.ts";

interface Needs {
  ledger: Pick<OperatorLedger, "figures" | "verdicts" | "tryWrite">;
  writes: Writes;
  clock: Clock;
  log: Log;
  homeserver: () => Promise<Homeserver>;
  botUserId: UserId;
  /** The clock jumped, or nothing ran for long: nothing is deleted for now. */
  isTimeDoubted: () => Promise<boolean>;
  isOperator: IsOperator;
  /** Prometheus text, or JSON on hosts that no scraper reaches. */
  format: "prometheus" | "json";
}

/** The homeserver, as far as it is known. */
interface Homeserver {
  /** Whether it answered the last ping, or with which error it did not; undefined before the first one. */
  state: { reachable: boolean; atMs: number; refusal?: Refusal } | undefined;
  /** What it lacks, and the bridge does without. */
  lacks: readonly Capability[];
  /** Why it did not give us the bot the last time, if it did not. */
  bot: Refusal | undefined;
}

const TIME_DOUBTED =
  "the time is much later or earlier than when the bridge last looked at the clock; unless it was stopped, the clock is or was wrong. Nothing is deleted for an hour";

/** A reply that waits longer than this to be sent is reported as a problem. */
const OUTBOX_AGE_MS_MAX = 60_000;

export function health(needs: Needs): Hono {
  const { ledger, clock, log, homeserver, botUserId, isTimeDoubted, isOperator, format } = needs;
  const app = new Hono();
  app.get("/health", async (c) => {
    try {
      const [ok, figures, known, isDoubted] = await Promise.all([
        takesWrites(needs),
        ledger.figures(clock.now()),
        homeserver(),
        isTimeDoubted(),
      ]);
      const problems = [
        ...(ok ? [] : [NOT_STORED]),
        ...refusedOf(needs.writes),
        ...homeserverProblems({ ping: known.state, bot: known.bot, botUserId }),
        ...problemsOf(figures, isDoubted),
      ];
      const shown = known.state ? { ...known.state, lacks: known.lacks.map((one) => LACKED[one]) } : null;
      // 200 means that transactions are taken. Other trouble is listed in `problems`.
      return c.json({ ok, problems, homeserver: shown, ...figures }, ok ? 200 : 503);
    } catch (error) {
      log("request_failed", { path: "/health", error: messageOf(error) });
      return c.json({ ok: false, problems: ["the database does not answer", ...refusedOf(needs.writes)] }, 503);
    }
  });
  app.get("/metrics", async (c) => {
    const refusal = await refusalOf(isOperator, c);
    if (refusal) return c.text(`${refusal.sentence}\n`, refusal.status);
    const [figures, verdicts, { state }] = await Promise.all([
      ledger.figures(clock.now(), BOUNDS.metricsRows.max),
      ledger.verdicts(),
      homeserver(),
    ]);
    const metrics = metricsOf(figures, verdicts, state?.reachable);
    return format === "json" ? c.json(asJson(metrics)) : c.text(asPrometheus(metrics), 200, PROMETHEUS);
  });
  return app;
}

const NOT_STORED =
  "transactions cannot be stored: the database takes no writes, because its disk is full or for another reason that is in the log";

/** One may be an accident. Of several, each blocks all events behind it. */
const REFUSED_MIN = 3;
const refusedOf = ({ refused = 0 }: Writes): string[] =>
  refused < REFUSED_MIN
    ? []
    : [
        `the last ${refused} transactions of the homeserver were answered with an error, so that no event arrives; the log says why. The homeserver repeats them`,
      ];

const PROMETHEUS = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };

function problemsOf(figures: Figures, isDoubted: boolean): string[] {
  const problems: string[] = [];
  if (figures.outboxAgeMs > OUTBOX_AGE_MS_MAX) problems.push("replies are waiting to be sent");
  if (figures.deadLetters > 0) problems.push("there are dead letters");
  if (figures.unreadableRows > 0) problems.push(UNREADABLE_ROWS);
  if (isDoubted) problems.push(TIME_DOUBTED);
  return problems;
}

interface Metric {
  name: string;
  help: string;
  type: "gauge" | "counter";
  samples: { value: number; label?: [name: string, value: string] }[];
}

function metricsOf(figures: Figures, verdicts: Record<string, number>, reachable: boolean | undefined): Metric[] {
  const gauge = (name: string, help: string, value: number): Metric => ({
    name: `troupe_${name}`,
    help,
    type: "gauge",
    samples: [{ value }],
  });
  const metrics: Metric[] = [
    {
      name: "troupe_verdicts_total",
      type: "counter",
      help: "Events by verdict.",
      samples: Object.entries(verdicts).map(([verdict, value]) => ({ value, label: ["verdict", verdict] })),
    },
    gauge(
      "last_transaction_seconds",
      "When an event was last stored, in seconds since the epoch.",
      (figures.lastTransactionAtMs ?? 0) / 1_000,
    ),
    gauge("undecided_events", "Stored events without a verdict.", figures.undecidedEvents),
    gauge("open_turns", "Turns that are not delivered yet.", figures.openTurns),
    gauge("running_turns", "Turns whose backend is working.", figures.runningTurns),
    gauge("outbox_rows", "Messages waiting to be sent.", figures.outboxRows),
    gauge(
      "outbox_depth",
      "The largest number of messages of one agent in one room waiting to be sent.",
      figures.outboxDepth,
    ),
    gauge(
      "outbox_age_seconds",
      "Age of the oldest question whose reply is waiting to be sent.",
      figures.outboxAgeMs / 1_000,
    ),
    gauge(
      "unreadable_rows",
      "Rows of the database that cannot be read; `troupe repair` mends them.",
      figures.unreadableRows,
    ),
    gauge("dead_letters", "Dead letters: events, turns and messages that were given up.", figures.deadLetters),
  ];
  if (reachable !== undefined) {
    metrics.push(gauge("homeserver_reachable", "1 if the homeserver answered the last ping.", reachable ? 1 : 0));
  }
  return metrics;
}

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
function asPrometheus(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(({ name, help, type, samples }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ value, label }) => `${name}${label ? `{${label[0]}="${escapeLabel(label[1])}"}` : ""} ${value}`),
  ]);
  return `${lines.join("\n")}\n`;
}
const escapeLabel = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const asJson = (metrics: readonly Metric[]) =>
  Object.fromEntries(
    metrics.map(({ name, samples }) => [
      name,
      samples.every(({ label }) => label) && samples.length > 0
        ? Object.fromEntries(samples.map(({ value, label }) => [label?.[1] ?? "", value]))
        : (samples[0]?.value ?? {}),
    ]),
  );
