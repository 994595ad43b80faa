/** What the start of an attempt asks the ledger for, and how long it then waits. */
import { expect, test } from "vitest";
import type { NotStarted, TurnCaps } from "#ports/turns.ts";
import { agentWith } from "#testing/gate-facts.ts";
import { aStoredTurn, NOW, OUT_LANE, SESSION_LANE } from "#testing/ledger-rows.ts";
import { startWithinLimits } from "./limits.ts";

async function start(attempt: number, answer: "started" | NotStarted = "started") {
  const asked: TurnCaps[] = [];
  const needs = {
    ledger: {
      async startAttempt(_lease: unknown, _turn: unknown, caps: TurnCaps) {
        asked.push(caps);
        return answer;
      },
    },
    clock: { now: () => NOW, sleep: async () => undefined },
    limits: { senderPerMinute: 2, roomPerMinute: 0, turnsAtOnce: 3 },
    delivery: { lane: () => OUT_LANE },
  };
  const running = { lease: { lane: SESSION_LANE, fence: 1 } };
  const waitMs = await startWithinLimits(needs, running, aStoredTurn({ attempt }), agentWith("echo"));
  return { waitMs, caps: asked[0] };
}

test("a turn takes its tokens at its first attempt only, of each bucket that has a limit", async () => {
  expect((await start(0)).caps?.buckets).toEqual([{ key: "sender:@alice:hs.test", perMinute: 2 }]);
  expect((await start(1)).caps?.buckets).toEqual([]);
});

test.for<[answer: "started" | NotStarted, waitMs: number]>([
  ["started", 0],
  ["full", 1_000],
  ["lost", 1_000],
  [{ tokensInMs: 20_000 }, 20_000],
])("after %j the turn waits %i ms", async ([answer, waitMs]) => {
  expect((await start(0, answer)).waitMs).toBe(waitMs);
});
