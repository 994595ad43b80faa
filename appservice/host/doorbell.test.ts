import { afterEach, expect, test, vi } from "vitest";
import type { LaneId } from "#core/turn/lane.ts";
import { systemClock } from "../../worker/clock.ts";
import type { Pump } from "../../worker/lanes/pump.ts";
import { nodeDoorbell } from "./doorbell.ts";

let over = new AbortController();
afterEach(() => {
  over.abort();
  over = new AbortController();
});

const SWEEP_MS = 5_000;

/** A pump that notes what it runs; `dueInMs` are the results of a lane's runs, one after the other. */
function world({ running = [], dueInMs = [] }: { running?: LaneId[]; dueInMs?: number[] } = {}) {
  const [runs, nudges]: [LaneId[], LaneId[]] = [[], []];
  const pump: Pump = {
    async run(lane) {
      runs.push(lane);
      const ms = dueInMs.shift();
      return ms === undefined ? {} : { dueAtMs: Date.now() + ms };
    },
    nudge(lane) {
      if (running.includes(lane)) nudges.push(lane);
      return running.includes(lane);
    },
    stop: async () => undefined,
  };
  return { runs, nudges, doorbell: nodeDoorbell({ pump, clock: systemClock, over: over.signal, sweepMs: SWEEP_MS }) };
}
const later = (ms = 30) => new Promise((resolve) => setTimeout(resolve, ms));

test("a room runs only after the ring was answered", async () => {
  const { doorbell, runs } = world();
  await doorbell.ring(["room:!a"]);
  expect(runs).toEqual([]);
  await vi.waitFor(() => expect(runs).toEqual(["room:!a"]));
});

test("many rooms run only after the ring was answered", async () => {
  const { doorbell, runs } = world();
  await doorbell.ring(["room:!a", "room:!b"]);
  expect(runs).toEqual([]);
  await vi.waitFor(() => expect(runs).toEqual(["room:!a", "room:!b"]));
});

test("a lane that a lane rings runs at once", async () => {
  const { doorbell, runs } = world();
  const ring = doorbell.ring(["session:s", "out:@a:b|!c"]);
  expect(runs).toEqual(["session:s", "out:@a:b|!c"]);
  await ring;
});

test("a lane that runs is nudged instead", async () => {
  const { doorbell, runs, nudges } = world({ running: ["session:s"] });
  await doorbell.ring(["session:s"]);
  expect([runs, nudges]).toEqual([[], ["session:s"]]);
});

test.for<{ when: string; dueInMs: number[]; runs: number }>([
  { when: "when it is due", dueInMs: [10, 10], runs: 3 },
  { when: "at once when it was due before", dueInMs: [-10], runs: 2 },
  { when: "by the sweep when that comes first", dueInMs: [SWEEP_MS + 10_000], runs: 1 },
])("a lane runs again $when", async ({ dueInMs, runs: count }) => {
  const { doorbell, runs } = world({ dueInMs });
  await doorbell.ring(["session:s"]);
  await later(150);
  expect(runs).toHaveLength(count);
});

test("no lane runs when the process stops", async () => {
  const { doorbell, runs } = world({ dueInMs: [20] });
  await doorbell.ring(["session:s"]);
  over.abort();
  await doorbell.ring(["session:s"]);
  await later(60);
  expect(runs).toEqual(["session:s"]);
});
