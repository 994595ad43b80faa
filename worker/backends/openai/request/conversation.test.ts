import { describe, expect, test } from "vitest";
import type { InputMessage } from "#core/turn/backend.ts";
import { aRequest } from "../../backend.contract.ts";
import { conversationOf } from "./conversation.ts";

const user = (text: string): InputMessage => ({ role: "user", id: text, parts: [{ type: "text", text }], ts: 0 });
const agent = (text: string): InputMessage => ({ ...user(text), role: "assistant" });
const LIMITS = { historyTokens: 8_000, contextTokens: Number.POSITIVE_INFINITY, systemRole: true };
const rolesAndTexts = (history: InputMessage[], limits = {}) =>
  conversationOf(aRequest("now"), history, { ...LIMITS, ...limits }).messages.map(
    ({ role, content }) => `${role}: ${content}`,
  );

describe("kind 3, a conversation", () => {
  test.for<[name: string, history: InputMessage[], messages: string[]]>([
    ["without a past", [], ["user: now"]],
    ["that alternates", [user("a"), agent("b")], ["user: a", "assistant: b", "user: now"]],
    ["with questions without an answer", [user("a"), user("b")], ["user: a\n\nb\n\nnow"]],
    ["with two answers in a row", [user("a"), agent("b"), agent("c")], ["user: a", "assistant: b\n\nc", "user: now"]],
    ["that begins with an answer", [agent("a"), user("b"), agent("c")], ["user: b", "assistant: c", "user: now"]],
    ["of answers only", [agent("a"), agent("b")], ["user: now"]],
    ["with an empty answer", [user("a"), agent(" \n"), user("b")], ["user: a\n\nb\n\nnow"]],
  ])("%s", ([, history, messages]) => expect(rolesAndTexts(history)).toEqual(messages));

  test("alternates, and begins and ends with the user, whatever is cut off", () => {
    const history = Array.from({ length: 40 }, (_, at) => (at % 5 < 3 ? user : agent)(`${at} ${"x".repeat(at * 7)}`));
    for (let contextTokens = 1; contextTokens < 2_000; contextTokens += 13) {
      const { messages } = conversationOf(aRequest("now"), history, { ...LIMITS, contextTokens });
      expect(messages.map(({ role }) => role)).toEqual(messages.map((_, at) => (at % 2 === 0 ? "user" : "assistant")));
      expect(messages.at(-1)?.content).toMatch(/now$/);
    }
  });

  test("has no more tokens than the server holds, instructions included; the question is never left out", () => {
    const history = Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? user : agent)("x".repeat(400)));
    const fitted = conversationOf(aRequest("now"), history, { ...LIMITS, contextTokens: 1_000 });
    expect(fitted.tokens).toBeLessThanOrEqual(1_000);
    expect(fitted.tokens).toBeGreaterThan(800);
    expect(fitted.hasPast).toBe(true);
    const small = conversationOf(aRequest("now"), history, { ...LIMITS, contextTokens: 1 });
    expect([small.messages, small.hasPast]).toEqual([[{ role: "user", content: "now" }], false]);
  });

  test("has the instructions before the first question, where the server takes no system message", () => {
    const { instructions, messages } = conversationOf(
      aRequest("now", { instructions: "Be brief." }),
      [user("a"), agent("b")],
      { ...LIMITS, systemRole: false },
    );
    expect(instructions).toBeUndefined();
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(messages[0]?.content).toMatch(/^Be brief\.[\s\S]*\n\na$/);
    expect(messages[2]?.content).toBe("now");
  });
});
