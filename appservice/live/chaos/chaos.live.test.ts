/** A short run of `npm run chaos`. */
import { expect, test } from "vitest";
import { chaos } from "./chaos.ts";

const trials = { overlaps: true, clock: true, broken: true, restored: true };

test.for([
  { kind: "node", kills: 12, sessions: 30, messages: 300, seed: 3 },
  { kind: "worker", kills: 4, sessions: 12, messages: 80, seed: 4 },
] as const)(
  "on $kind every message is answered once, in order, through $kills kills",
  { timeout: 300_000 },
  async (options) => {
    const report = await chaos({ ...options, trials, progress: () => undefined });
    expect(report.exceptions).toEqual([]);
    expect(report.answers).toBeGreaterThanOrEqual(options.messages - report.gone - report.excused);
    expect(report.answers).toBeLessThanOrEqual(options.messages - report.gone);
    expect(report.restores).toBe(options.kind === "node" ? 1 : 0);
    expect(report.kills).toBeGreaterThanOrEqual(options.kills);
  },
);
