/** The sentences of verdicts. */
import { describe, expect, test } from "vitest";
import { grounds } from "../gate/evidence.ts";
import { REASONS, readReason, wordOf } from "../gate/reasons.ts";
import { CREATOR_POWER } from "../protocol/room-state.ts";
import { explain, explainStored, powerText } from "./reasons.ts";

describe("every reason", () => {
  test.for(REASONS)("%s has a sentence, also where no evidence was stored", (reason) => {
    const text = explain({ reason }, "Echo");
    expect(text).toMatch(/^[A-Z].*\.$/);
    expect(text).not.toMatch(/undefined|null|\[object/);
    expect(explain({ reason }, undefined)).not.toContain("undefined");
  });
  test.for(REASONS)("%s is read as it was stored", (reason) => {
    expect(readReason(wordOf(reason))).toBe(reason);
  });
});

describe("the word of another version", () => {
  test.for(["commander", "wake_telepathy", "command_dance", "", "toString"])("%j is shown as what it is", (word) => {
    expect(readReason(word)).toEqual({ other: word });
    expect(wordOf(readReason(word))).toBe(word);
    expect(explainStored(readReason(word), undefined, "echo")).toBe(
      `This is the verdict of another version of Troupe: ${word}.`,
    );
  });
});

test.for<[ageMs: number, limitMs: number, says: string]>([
  [20 * 60_000, 15 * 60_000, "it was 20 minutes old, the limit is 15 minutes"],
  [15 * 60_000 + 1, 15 * 60_000, "it was just over the limit of 15 minutes"],
  [61_000, 60_000, "it was 61 seconds old, the limit is 60 seconds"],
  [2 * 3_600_000, 15 * 60_000, "it was 2 hours old, the limit is 15 minutes"],
  [49 * 3_600_000, 15 * 60_000, "it was 2 days old, the limit is 15 minutes"],
])("an age of %i ms over a limit of %i ms is told: %s", ([ageMs, limitMs, says]) => {
  expect(explain(grounds("too_old", { ageMs, limitMs }), "Echo")).toContain(says);
});

test("numbers of limits are told", () => {
  expect(explain(grounds("queue_full", { waiting: 20, limit: 20 }), "Echo")).toContain("(20, the limit is 20)");
  const crowd = { of: "room", open: 2_001, limit: 2_000 } as const;
  expect(explain(grounds("too_many_turns", crowd), "Echo")).toContain(
    "of this room wait for an answer (2001, the limit is 2000)",
  );
  expect(explain(grounds("command_limit", { perMinute: 30 }), undefined)).toContain("the limit is 30 in a minute");
  expect(explain(grounds("join_failed", { status: 403, errcode: "M_FORBIDDEN" }), "Echo")).toContain(
    "(403 M_FORBIDDEN)",
  );
  expect(explain(grounds("given_up", { status: 0, errcode: "M_UNREACHABLE" }), "Echo")).toContain(
    "(no answer M_UNREACHABLE)",
  );
});

test("the power of a creator has no number", () => {
  expect([powerText(50), powerText(CREATOR_POWER)]).toEqual(["50", "that of the room's creator"]);
});
