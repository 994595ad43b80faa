/** Text and outcome of a backend's stream. A decline is never shown, not even its first letters. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "#core/bounds.ts";
import type { ErrorCode, FinishReason, TurnEvent } from "#core/turn/backend.ts";
import { type Outcome, Words } from "./words.ts";

const delta = (text: string): TurnEvent => ({ type: "text-delta", id: "0", delta: text });
const FINISH: TurnEvent = { type: "finish", finishReason: "stop" };
const ended = (...events: TurnEvent[]): { words: Words; outcome: Outcome | undefined } => {
  const words = new Words();
  let outcome: Outcome | undefined;
  for (const value of events) outcome ??= words.take({ done: false, value });
  return { words, outcome };
};

describe("an answer of the agent", () => {
  test.for(["NO_REPLY", " NO_REPLY\n", "[SILENT]"])("%j is a decline", (text) =>
    expect(ended(delta(text), FINISH).outcome).toEqual({ kind: "silent" }),
  );
  test.for(["NO_REPLY.", "no_reply", "NO_REPLY NO_REPLY", "I say NO_REPLY", "NO", "[SILENT", ""])(
    "%j is an answer",
    (text) => expect(ended(delta(text), FINISH).outcome).toEqual({ kind: "answered", text }),
  );
  test.for<[text: string, visible: string]>([
    ["N", ""],
    [" NO_RE", ""],
    ["NO_REPLY\n", ""],
    ["[SI", ""],
    ["No", "No"],
    ["NO ", "NO "],
    ["NO_REPLY to you", "NO_REPLY to you"],
    ["[link]", "[link]"],
  ])("%j is shown as %j while it grows", ([text, visible]) => expect(ended(delta(text)).words.visible).toBe(visible));
  test("that broke off while it could become a decline was never shown", () => {
    const error: TurnEvent = { type: "error", errorText: "gone", code: "disconnected", retryable: true };
    expect(ended(delta("NO_RE"), error).outcome).toMatchObject({ kind: "failed", shown: "" });
  });
});

describe("kind 2, an answer without a text", () => {
  const finish = (finishReason: FinishReason): TurnEvent => ({ type: "finish", finishReason });
  const thought: TurnEvent = { type: "reasoning-delta", id: "r", delta: "hm" };
  test.for<[finishReason: FinishReason, code: ErrorCode]>([
    ["length", "length_limit"],
    ["content-filter", "filtered"],
    ["tool-calls", "tool_call"],
  ])("that ended with %s failed with %s, and is not asked for again", ([finishReason, code]) => {
    for (const events of [[], [thought], [delta(" \n")]]) {
      expect(ended(...events, finish(finishReason)).outcome).toMatchObject({
        kind: "failed",
        code,
        retryable: false,
        shown: "",
      });
    }
    expect(ended(delta("half"), finish(finishReason)).outcome).toEqual({ kind: "answered", text: "half" });
  });
  test("that just ended is an answer", () =>
    expect(ended(thought, FINISH).outcome).toEqual({ kind: "answered", text: "" }));
});

describe("a long answer", () => {
  test("that goes on without end is cut in whole characters, and ends the attempt", () => {
    const words = new Words();
    let outcome: Outcome | undefined;
    let events = 0;
    for (; !outcome && events < BOUNDS.reply.max; events++) outcome = words.take({ done: false, value: delta("é🎉x") });
    expect(events).toBeLessThan(BOUNDS.reply.max);
    expect(outcome).toMatchObject({ kind: "tooLong" });
    expect(new TextEncoder().encode(words.text).length).toBeLessThanOrEqual(BOUNDS.reply.max);
    expect(words.text.isWellFormed()).toBe(true);
  });
  test("in one piece is cut too", () => {
    const { words, outcome } = ended(delta("x".repeat(3 * BOUNDS.reply.max)));
    expect(outcome).toEqual({ kind: "tooLong", shown: words.text });
    expect(words.text).toHaveLength(BOUNDS.reply.max);
  });
  test("is put together when it is asked for, and not at each event", () => {
    const words = new Words();
    let joined = 0;
    const { join } = Array.prototype;
    try {
      Array.prototype.join = function count(this: unknown[], separator?: string) {
        joined += this.length;
        return join.call(this, separator);
      };
      for (let n = 0; n < 5_000; n++) words.take({ done: false, value: delta("abcd") });
    } finally {
      Array.prototype.join = join;
    }
    expect([joined, words.isVisible, words.text.length]).toEqual([0, true, 20_000]);
  });
  test("whose step is taken back has the text of the steps before", () => {
    const { words } = ended(
      delta("one"),
      { type: "start-step" },
      delta(" two"),
      { type: "reset-step" },
      delta(" three"),
    );
    expect(words.text).toBe("one three");
  });
  test("of nothing but space is not visible, and is no decline", () => {
    const { words, outcome } = ended(...Array.from({ length: 100 }, () => delta(" \n")), FINISH);
    expect([words.isVisible, words.hasText, outcome?.kind]).toEqual([false, false, "answered"]);
  });
});
