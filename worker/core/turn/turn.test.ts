import { describe, expect, test } from "vitest";
import { aStoredTurn } from "#testing/ledger-rows.ts";
import { TurnSettings } from "../configuration/turn-settings.ts";
import { retryAt, type StepFacts, step, type Turn } from "./turn.ts";

const NOW = 10_000_000;
const turns = TurnSettings.parse({ replyAge: 60 });
const turn = (over: Partial<Turn> = {}): Turn => aStoredTurn({ askedAtMs: NOW - 1_000, ...over });

describe("step", () => {
  test.for<[name: string, turn: Partial<Turn>, facts: Partial<StepFacts>, expected: object]>([
    ["a new turn is attempted", {}, {}, { do: "attempt" }],
    ["one whose runner died is attempted again", { state: "running", attempt: 5 }, {}, { do: "attempt" }],
    ["one that is put off waits", { notBeforeMs: NOW + 1 }, {}, { do: "wait", dueAtMs: NOW + 1 }],
    ["also when it is answered", { state: "answered", notBeforeMs: NOW + 1 }, {}, { do: "wait", dueAtMs: NOW + 1 }],
    ["one that is due now does not", { notBeforeMs: NOW }, {}, { do: "attempt" }],
    ["an answered one is delivered", { state: "answered" }, {}, { do: "deliver" }],
    ["however old it is", { state: "answered", askedAtMs: 1 }, {}, { do: "deliver" }],
    ["and whether or not its agent is still there", { state: "answered" }, { turns: undefined }, { do: "deliver" }],
    ["one of a retired agent is given up", {}, { turns: undefined }, { do: "giveUp", ending: "retired" }],
    ["one that would be too late is given up", { askedAtMs: NOW - 60_001 }, {}, { do: "giveUp", ending: "late" }],
    ["one that is just in time is not", { askedAtMs: NOW - 60_000 }, {}, { do: "attempt" }],
    ["one of which no such time is known is not", { askedAtMs: 0 }, {}, { do: "attempt" }],
    [
      "one that broke off before everybody's eyes is completed",
      { state: "running", shown: "half" },
      {},
      { do: "complete", shown: "half" },
    ],
    ["unless its backend knows it again", { state: "running", shown: "half" }, { idempotent: true }, { do: "attempt" }],
    [
      "one that kills its runners is given up",
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
  test("is asked again after a pause that doubles, a little by chance, and has an end", () => {
    expect(retryAt(failed, 1, NOW, 0)).toBe(NOW + 1_500);
    expect(retryAt(failed, 2, NOW, 0)).toBe(NOW + 3_000);
    expect(retryAt(failed, 2, NOW, 1)).toBe(NOW + 3_750);
    expect(retryAt(failed, 3, NOW, 0)).toBeUndefined();
  });
  test("is believed when it says when to come back, within reason", () => {
    expect(retryAt({ ...failed, retryAfterMs: 20_000 }, 1, NOW, 0)).toBe(NOW + 20_000);
    expect(retryAt({ ...failed, retryAfterMs: 10 }, 1, NOW, 0)).toBe(NOW + 1_500);
    expect(retryAt({ ...failed, retryAfterMs: 3_600_000 }, 1, NOW, 0)).toBe(NOW + 60_000);
  });
  test("is not asked again for what it refuses for good, nor after somebody has read something", () => {
    expect(retryAt({ ...failed, retryable: false }, 1, NOW, 0)).toBeUndefined();
    expect(retryAt({ ...failed, shown: "half an answer" }, 1, NOW, 0)).toBeUndefined();
  });
});
