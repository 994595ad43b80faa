import { describe, expect, test } from "vitest";
import type { InputMessage } from "#core/turn/backend.ts";
import { trimToBudget } from "./budget.ts";

describe("the budget", () => {
  const message = (text: string): InputMessage => ({ role: "user", id: text, parts: [{ type: "text", text }], ts: 0 });
  const texts = (messages: InputMessage[]) => messages.map(({ id }) => id);
  const all = ["a".repeat(400), "b".repeat(400), "c".repeat(400), "now"].map(message);

  test("keeps the newest messages that fit", () =>
    expect(texts(trimToBudget(all, 230, 1)).map((text) => text[0])).toEqual(["b", "c", "n"]));
  test("keeps all messages when they fit", () => expect(trimToBudget(all, 10_000, 1)).toEqual(all));
  test("keeps the question, however long it is", () => expect(trimToBudget(all, 1, 2)).toEqual(all.slice(2)));
  test("keeps nothing of an empty list", () => expect(trimToBudget([], 10, 1)).toEqual([]));
});
