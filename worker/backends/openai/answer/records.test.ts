import { describe, expect, test } from "vitest";
import { RecordSplitter } from "./records.ts";

/** The records of a text that arrives in pieces of this size. */
function recordsOf(text: string, size = text.length) {
  const splitter = new RecordSplitter();
  const records = [];
  for (let at = 0; at < text.length; at += size) records.push(...splitter.push(text.slice(at, at + size)));
  return [...records, ...splitter.end()].map(({ name, done, value, text: raw }) => {
    const is = done ? "done" : (value ?? { text: raw });
    return name === "" ? is : [name, is];
  });
}
const PRETTY = '{\n  "a": "}\\"{",\n\n  "b": [1]\n}';
const VALUE = { a: '}"{', b: [1] };

describe("records are found", () => {
  test.for<[name: string, text: string, records: unknown[]]>([
    ["in events", 'data: {"a":1}\n\ndata: [DONE]\n\n', [{ a: 1 }, "done"]],
    ["without blanks behind the field", 'data:{"a":1}\n\ndata:[DONE]', [{ a: 1 }, "done"]],
    ["without empty lines between", 'data: {"a":1}\ndata: {"b":2}\ndata: [DONE]\n', [{ a: 1 }, { b: 2 }, "done"]],
    ["behind blanks", '  data: {"a":1}\n\n', [{ a: 1 }]],
    ["with returns", 'data: {"a":1}\r\rdata: [DONE]\r\r', [{ a: 1 }, "done"]],
    ["with names", 'event: error\ndata: {"a":1}\n\ndata: {"b":2}\n\n', [["error", { a: 1 }], { b: 2 }]],
    ["with a field that is written twice", 'data: data: {"a":1}\n\n', [{ a: 1 }]],
    ["in a field of llama.cpp", 'error: {"message":"x"}\n\n', [["error", { message: "x" }]]],
    ["over several fields", 'data: {"a":\ndata: 1}\n\n', [{ a: 1 }]],
    ["over lines that do not repeat the field", 'data: {\n  "a": 1\n}\n\n', [{ a: 1 }]],
    ["as a body over many lines", PRETTY, [VALUE]],
    ["as bodies one behind the other", `${PRETTY}{"c":3}\n{"d":4}`, [VALUE, { c: 3 }, { d: 4 }]],
    ["as a list", '[{"a":1},\n{"b":2}]', [[{ a: 1 }, { b: 2 }]]],
    ["with numbers that are none", 'data: {"a":NaN,"b":"NaN","c":-Infinity}\n\n', [{ a: null, b: "NaN", c: null }]],
    ["behind a broken one", 'data: {"a\n\ndata: {"b":2}\n\n', [{ text: '{"a' }, { b: 2 }]],
    ["behind a broken body", '{"a":\ndata: {"b":2}\n\n', [{ text: '{"a":' }, { b: 2 }]],
    ["beside comments, ids and words", ': ping\nid: 1\nretry: 5\nhello\ndata: {"a":1}\n\n', [{ a: 1 }]],
  ])("%s", ([, text, records]) => {
    for (const size of [text.length, 7, 1]) expect(recordsOf(text, size)).toEqual(records);
  });
});

test("a server cannot make it work long", () => {
  const startedAt = performance.now();
  const lines = 20_000;
  recordsOf(`data: x}\n`.repeat(lines), 1_000);
  recordsOf(`data: {"a":\n`.repeat(lines), 1_000);
  recordsOf("{[".repeat(100 * lines), 1_000);
  recordsOf("{}".repeat(lines), 1_000);
  expect(performance.now() - startedAt).toBeLessThan(4_000);
});
