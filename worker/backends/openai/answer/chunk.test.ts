/** What is read of a record, in all the forms that servers give it. */
import { describe, expect, test } from "vitest";
import { chunksOf } from "./chunk.ts";

const read = (value: unknown, name = "") => chunksOf({ value, name, bare: false, done: false, text: "" })[0];
const choice = (fields: object) => read({ choices: [{ index: 0, ...fields }] });

describe("kind 1, a text is read", () => {
  test.for<[name: string, choice: object]>([
    ["as a text", { delta: { content: "42" } }],
    ["as a part", { delta: { content: { type: "text", text: "42" } } }],
    ["as parts", { delta: { content: [{ type: "text", text: "4" }, "2"] } }],
    ["as a number", { delta: { content: 42 } }],
    ["without an object around it", { delta: "42" }],
    ["of the older API", { text: "42" }],
    ["of a refusal", { delta: { content: null, refusal: "42" } }],
  ])("%s", ([, fields]) => expect(choice(fields)).toMatchObject({ isAnswer: true, text: "42", whole: "" }));

  test.for<[name: string, delta: object]>([
    ["of DeepSeek", { reasoning_content: "hm" }],
    ["of Ollama", { content: "", reasoning: "hm" }],
    ["of OpenRouter", { reasoning_details: [{ type: "reasoning.text", text: "hm" }] }],
    ["of Mistral", { content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] }],
    ["beside one of another name", { reasoning_content: "hm", reasoning: "hm" }],
  ])("a thought %s", ([, delta]) => expect(choice({ delta })).toMatchObject({ text: "", reasoning: "hm" }));
});

describe("kind 2, an end is read", () => {
  test.for<[name: string, fields: object, finish: string | undefined]>([
    ["as a text", { finish_reason: "stop" }, "stop"],
    ["as an object", { finish_reason: { type: "length", length: 5 } }, "length"],
    ["in another spelling", { finishReason: "STOP" }, "STOP"],
    ["as none, where it is empty", { finish_reason: "" }, undefined],
    ["as none, where it is the word null", { finish_reason: "null" }, undefined],
    ["as none, where it is a number", { finish_reason: 0 }, undefined],
  ])("%s", ([, fields, finish]) => expect(choice(fields)?.finish).toBe(finish));
});

describe("kind 4, a complaint is found", () => {
  test.for<[name: string, value: object, event: string]>([
    ["in an object", { error: { message: "x" } }, ""],
    ["in a text", { error: "x" }, ""],
    ["beside choices", { error: { message: "x" }, choices: [{ delta: { content: "" } }] }, ""],
    ["in a choice", { choices: [{ error: { message: "x" } }] }, ""],
    ["of vLLM", { object: "error", message: "x" }, ""],
    ["of Anthropic", { type: "error", error: { message: "x" } }, ""],
    ["in a list", { errors: [{ message: "x" }] }, ""],
    ["in an event of that name", { message: "x" }, "error"],
  ])("%s", ([, value, event]) => expect(read(value, event)?.complaint).toBeDefined());

  test.for<[name: string, value: object, event: string]>([
    ["null", { error: null, choices: [] }, ""],
    ["an empty text", { error: "" }, ""],
    ["an empty object", { error: {} }, ""],
    ["false", { error: false }, ""],
    ["of a tool", { tool: "search", error: "no network" }, ""],
    ["of a tool, in an event", { error: "no network" }, "tool.error"],
    ["an unknown field", { detail: "Searching", status: "running" }, "status"],
  ])("but not in an error that is none: %s", ([, value, event]) =>
    expect(read(value, event)?.complaint).toBeUndefined(),
  );
});

test("a record without an object has no chunk", () => {
  expect([null, 42, "x", [], [null, 1]].flatMap((value) => read(value) ?? [])).toEqual([]);
});
