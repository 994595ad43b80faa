/** Text and outcome of a backend's stream. A decline is never shown, not even its first letters. */
import { describe, expect, test } from "vitest";
import type { TurnEvent } from "#core/turn/backend.ts";
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
