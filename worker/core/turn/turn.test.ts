import { describe, expect, test } from "vitest";
import { aPrompt, aStoredTurn } from "#testing/ledger-rows.ts";
import { TurnSettings } from "../configuration/turn-settings.ts";
import { retryAt, type StepFacts, step, type Turn } from "./turn.ts";

const NOW = 10_000_000;
const ENDS = { do: "giveUp", ending: "redacted" };
const turns = TurnSettings.parse({ replyAge: 60 });
const turn = (over: Partial<Turn> = {}): Turn => aStoredTurn({ askedAtMs: NOW - 1_000, ...over });

describe("the next step", () => {
  test.for<[name: string, turn: Partial<Turn>, facts: Partial<StepFacts>, expected: object]>([
    ["a new turn is attempted", {}, {}, { do: "attempt" }],
    ["a turn whose runner died is attempted again", { state: "running", attempt: 5 }, {}, { do: "attempt" }],
    ["a turn that is put off waits", { notBeforeMs: NOW + 1 }, {}, { do: "wait", dueAtMs: NOW + 1 }],
    [
      "an answered turn that is put off waits",
      { state: "answered", notBeforeMs: NOW + 1 },
      {},
      { do: "wait", dueAtMs: NOW + 1 },
    ],
    ["a turn that was put off until now is attempted", { notBeforeMs: NOW }, {}, { do: "attempt" }],
    ["an answered turn is delivered", { state: "answered" }, {}, { do: "deliver" }],
    ["an answered turn is delivered, also when it is old", { state: "answered", askedAtMs: 1 }, {}, { do: "deliver" }],
    [
      "an answered turn is delivered, also when its agent is retired",
      { state: "answered" },
      { turns: undefined },
      { do: "deliver" },
    ],
    ["a turn of a retired agent is given up", {}, { turns: undefined }, { do: "giveUp", ending: "retired" }],
    ["a turn that is too late is given up", { askedAtMs: NOW - 60_001 }, {}, { do: "giveUp", ending: "late" }],
    ["a turn that is just in time is attempted", { askedAtMs: NOW - 60_000 }, {}, { do: "attempt" }],
    ["a turn without the time of its question is attempted", { askedAtMs: 0 }, {}, { do: "attempt" }],
    [
      "a turn whose draft was shown is completed",
      { state: "running", shown: "half" },
      {},
      { do: "complete", shown: "half" },
    ],
    [
      "a turn whose draft was shown is attempted again by an idempotent backend",
      { state: "running", shown: "half" },
      { idempotent: true },
      { do: "attempt" },
    ],
    ["a turn whose prompt was taken back ends", { state: "running", redacted: true }, {}, ENDS],
    [
      "a turn whose prompt was taken back is completed if a draft of it was shown, whatever its backend",
      { state: "running", redacted: true, shown: "half" },
      { idempotent: true },
      { do: "complete", shown: "half" },
    ],
    [
      "a turn whose prompt was taken back is attempted with what was merged into it",
      { state: "running", redacted: true, merged: [aPrompt("more")] },
      {},
      { do: "attempt" },
    ],
    [
      "a turn that kills its runners is given up",
      { state: "running", attempt: 20 },
      {},
      { do: "giveUp", ending: "poison" },
    ],
  ])("%s", ([, over, facts, expected]) => {
    expect(step(turn(over), { nowMs: NOW, turns, idempotent: false, ...facts })).toEqual(expected);
  });
});

describe("a backend that failed", () => {
  const failed = { retryable: true, shown: "" };
  test("is asked again after a pause that doubles, with jitter, twice at most", () => {
    expect(retryAt(failed, 1, NOW, 0)).toBe(NOW + 1_500);
    expect(retryAt(failed, 2, NOW, 0)).toBe(NOW + 3_000);
    expect(retryAt(failed, 2, NOW, 1)).toBe(NOW + 3_750);
    expect(retryAt(failed, 3, NOW, 0)).toBeUndefined();
  });
  test("is asked again after its own Retry-After, within bounds", () => {
    expect(retryAt({ ...failed, retryAfterMs: 20_000 }, 1, NOW, 0)).toBe(NOW + 20_000);
    expect(retryAt({ ...failed, retryAfterMs: 10 }, 1, NOW, 0)).toBe(NOW + 1_500);
    expect(retryAt({ ...failed, retryAfterMs: 3_600_000 }, 1, NOW, 1)).toBe(NOW + 60_000);
  });
  test("is not asked again after a permanent error, nor after a draft was shown", () => {
    expect(retryAt({ ...failed, retryable: false }, 1, NOW, 0)).toBeUndefined();
    expect(retryAt({ ...failed, shown: "half an answer" }, 1, NOW, 0)).toBeUndefined();
  });
});
