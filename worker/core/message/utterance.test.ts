import { describe, expect, test } from "vitest";
import { BOT, EventId, UserId } from "../protocol/ids.ts";
import { parseUtterance, storedUtterance, type Utterance } from "./utterance.ts";

const MESSAGE: Utterance = {
  say: "message",
  part: { type: "text", markdown: "*half* \ud83d" },
  mark: { agent: BOT, turn: "t", part: 0, hop: 0, kind: "notice" },
  mentions: [UserId.parse("@alice:hs.test")],
};

describe("a stored utterance", () => {
  test.for<[name: string, utterance: Utterance]>([
    ["a message", MESSAGE],
    ["a message in a thread", { ...MESSAGE, thread: EventId.parse("$t") }],
    ["an edit", { ...MESSAGE, say: "edit", original: EventId.parse("$draft") }],
  ])("is the same when it is read: %s", ([, utterance]) =>
    expect(parseUtterance(storedUtterance(utterance))).toEqual(utterance),
  );

  test.for<[name: string, stored: string]>([
    ["no JSON", "{"],
    ["an empty text", ""],
    ["a later version", JSON.stringify({ version: 2, utterance: MESSAGE })],
    ["an edit without the original", JSON.stringify({ version: 1, utterance: { ...MESSAGE, say: "edit" } })],
  ])("is refused when it is %s", ([, stored]) => expect(() => parseUtterance(stored)).toThrow());
});
