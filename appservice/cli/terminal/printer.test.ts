import { describe, expect, test } from "vitest";
import { type Mark, withMark } from "#core/message/mark.ts";
import { Printer } from "./printer.ts";

const mark = (over: Partial<Mark>): Mark => ({
  agent: "guide",
  turn: "t1",
  part: 0,
  hop: 0,
  kind: "draft",
  ...over,
});
const message = (event_id: string, body: string, over: Partial<Mark> = {}) => ({
  event_id,
  content: withMark({ body }, mark(over)),
});
const edit = (original: string, body: string, over: Partial<Mark> = {}) => ({
  event_id: `${original}-edit-${body.length}`,
  content: withMark(
    {
      body: `* ${body}`,
      "m.new_content": withMark({ body }, mark(over)),
      "m.relates_to": { rel_type: "m.replace", event_id: original },
    },
    mark(over),
  ),
});

function print(events: unknown[]): { text: string; whole: boolean[] } {
  let text = "";
  const printer = new Printer((piece) => {
    text += piece;
  });
  const whole = events.map((event) => printer.take(event));
  return { text, whole };
}

describe("printing an answer", () => {
  test("what a backend says commands no terminal, in whatever pieces it comes", () => {
    const draft = message("$1", "a\u001b[2J\r");
    const { text } = print([draft, edit("$1", "a\u001b[2J\r\n\tb \u009b1m 👩‍🚀\u0007", { kind: "reply" })]);
    expect(text).toBe("a\ufffd[2J\n\tb \ufffd1m 👩‍🚀\ufffd");
  });
  test("an edit prints only the text it adds, and the final edit completes the answer", () => {
    expect(
      print([message("$1", "Hel"), edit("$1", "Hello"), edit("$1", "Hello!", { kind: "reply", parts: 1 })]),
    ).toEqual({ text: "Hello!", whole: [false, false, true] });
  });

  test("an edit that changes printed text is printed as a whole on a new line", () => {
    expect(print([message("$1", "Hel"), edit("$1", "Bye", { kind: "reply" })]).text).toBe("Hel\nBye");
  });

  test("an answer in parts is complete when every part is final", () => {
    expect(
      print([
        message("$1", "one"),
        edit("$1", "one", { kind: "reply", parts: 3 }),
        message("$2", "two", { kind: "reply", part: 1, parts: 3 }),
        message("$3", "three", { kind: "reply", part: 2, parts: 3 }),
      ]),
    ).toEqual({ text: "one\ntwo\nthree", whole: [false, false, false, true] });
  });

  test("a notice completes an answer", () => {
    expect(print([message("$1", "Something went wrong.", { kind: "notice" })]).whole).toEqual([true]);
  });

  test("the rest of an earlier answer is not printed", () => {
    expect(
      print([
        edit("$0", "an old story", { kind: "reply", parts: 2, turn: "t0" }),
        message("$0b", "its end", { kind: "reply", part: 1, parts: 2, turn: "t0" }),
        message("$1", "news", { kind: "reply", parts: 1 }),
      ]),
    ).toEqual({ text: "news", whole: [false, false, true] });
  });

  test.for([
    ["an event without our mark", { event_id: "$9", content: { body: "hi" } }],
    ["a state event", { event_id: "$9", type: "m.room.member", content: { membership: "join" } }],
    ["a value that is not an event", "?"],
  ])("%s prints nothing", ([, event]) => expect(print([event])).toEqual({ text: "", whole: [false] }));
});
