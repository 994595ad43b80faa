/** Whether all is well (`/health`, open), and in figures (`/metrics`, for the operator). */
import { Hono } from "hono";
import type { Clock, Log } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Figures } from "#ports/operator.ts";
import { type IsOperator, refusalOf } from "./operator.ts";

interface Needs {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  /** What the homeserver was like when it was last asked; undefined before the first time. */
  homeserver: () => Promise<{ reachable: boolean; atMs: number } | undefined>;
  isOperator: IsOperator;
  /** Prometheus' text, or the same as JSON where no scraper comes by. */
  format: "prometheus" | "json";
}

/** A reply that has waited this long for the homeserver is a problem somebody should know of. */
const OUTBOX_AGE_MS_MAX = 60_000;

export function health({ ledger, clock, log, homeserver, isOperator, format }: Needs): Hono {
  const app = new Hono();
  app.get("/health", async (c) => {
    try {
      const [figures, state] = await Promise.all([ledger.figures(clock.now()), homeserver()]);
      // Taking transactions is what 200 promises; the rest is told beside it.
      return c.json({ ok: true, problems: problemsOf(figures, state), homeserver: state ?? null, ...figures });
    } catch (error) {
      log("request_failed", { path: "/health", error: error instanceof Error ? error.message : String(error) });
      return c.json({ ok: false, problems: ["the database does not answer"] }, 503);
    }
  });
  app.get("/metrics", async (c) => {
    const refusal = await refusalOf(isOperator, c);
    if (refusal) return c.text(`${refusal.sentence}\n`, refusal.status);
    const [figures, verdicts, state] = await Promise.all([
      ledger.figures(clock.now()),
      ledger.verdicts(),
      homeserver(),
    ]);
    const metrics = metricsOf(figures, verdicts, state?.reachable);
    return format === "json" ? c.json(asJson(metrics)) : c.text(asPrometheus(metrics), 200, PROMETHEUS);
  });
  return app;
}

const PROMETHEUS = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };

function problemsOf(figures: Figures, state: { reachable: boolean } | undefined): string[] {
  return [
    ...(state?.reachable === false ? ["the homeserver cannot be reached, or cannot reach us"] : []),
    ...(figures.outboxAgeMs > OUTBOX_AGE_MS_MAX ? ["replies wait to be sent"] : []),
    ...(figures.deadLetters > 0 ? ["there are dead letters"] : []),
  ];
}

interface Metric {
  name: string;
  help: string;
  type: "gauge" | "counter";
  samples: { value: number; label?: [name: string, value: string] }[];
}

function metricsOf(figures: Figures, verdicts: Record<string, number>, reachable: boolean | undefined): Metric[] {
  const gauge = (name: string, help: string, value: number): Metric => ({
    ...{ name: `troupe_${name}`, help, type: "gauge" },
    samples: [{ value }],
  });
  return [
    {
      ...{
        name: "troupe_verdicts_total",
        type: "counter",
        help: "Events by what the gate decided, or why they were dropped.",
      },
      samples: Object.entries(verdicts).map(([verdict, value]) => ({ value, label: ["verdict", verdict] })),
    },
    gauge(
      "last_transaction_seconds",
      "When events were last stored, in seconds since the epoch.",
      (figures.lastTransactionAtMs ?? 0) / 1_000,
    ),
    gauge("undecided_events", "Stored events the gate has not decided.", figures.undecidedEvents),
    gauge("open_turns", "Turns that are not delivered.", figures.openTurns),
    gauge("running_turns", "Turns whose backend is at work.", figures.runningTurns),
    gauge("outbox_rows", "Messages that wait to be sent.", figures.outboxRows),
    gauge("outbox_depth", "The most messages of one agent in one room that wait to be sent.", figures.outboxDepth),
    gauge(
      "outbox_age_seconds",
      "How long the oldest question waits for the sending of its reply.",
      figures.outboxAgeMs / 1_000,
    ),
    gauge("dead_letters", "What was given up and is kept for a person.", figures.deadLetters),
    ...(reachable === undefined
      ? []
      : [gauge("homeserver_reachable", "1 when the homeserver answered last time.", reachable ? 1 : 0)]),
  ];
}

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
function asPrometheus(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(({ name, help, type, samples }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ value, label }) => `${name}${label ? `{${label[0]}="${escaped(label[1])}"}` : ""} ${value}`),
  ]);
  return `${lines.join("\n")}\n`;
}
const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const asJson = (metrics: readonly Metric[]) =>
  Object.fromEntries(
    metrics.map(({ name, samples }) => [
      name,
      samples.every(({ label }) => label) && samples.length > 0
        ? Object.fromEntries(samples.map(({ value, label }) => [label?.[1] ?? "", value]))
        : (samples[0]?.value ?? {}),
    ]),
  );
