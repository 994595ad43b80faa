/** A command is read from the beginning of a message alone. */
import { describe, expect, test } from "vitest";
import { BOUNDS } from "../bounds.ts";
import { parseCommand, structuredCommand } from "./command.ts";

describe("a long command", () => {
  test("has no more of an argument than its bound, and the text below it", () => {
    const command = parseCommand(`!model ${"x".repeat(60_000)}\nbelow`, "!");
    expect(command).toMatchObject({ name: "model", rest: "below" });
    expect(command?.args.length).toBeLessThanOrEqual(BOUNDS.commandLine.max);
  });
  test("of spaces that end in another line separator is read at once", () => {
    expect(parseCommand(`!model ${" ".repeat(60_000)}x\u2028y`, "!")).toEqual({ name: "model", args: "", rest: "" });
  });
  test.for<[text: string, expected: object | undefined]>([
    ["!help", { name: "help", args: "", rest: "" }],
    ["!HELP  me ", { name: "help", args: "me", rest: "" }],
    ["/new\r\nhello\nthere", { name: "new", args: "", rest: "hello\nthere" }],
    ["!help!", undefined],
    ["!helpme", undefined],
    [`!${"help".repeat(10_000)}`, undefined],
    ["! help", undefined],
  ])("%j", ([text, expected]) => expect(parseCommand(text, "!")).toEqual(expected));
});

test("of a structured command only the first argument is looked at", () => {
  const given = { x: "gpt", y: [[[]]], z: Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [n, [n]])) };
  const content = { "m.bot.command": { command: "model", arguments: given } };
  expect(structuredCommand(content)).toEqual({ name: "model", args: "gpt", rest: "" });
});

test("of a long argument of a structured command no more is read than of a long line", () => {
  const content = { "m.bot.command": { command: "join", arguments: { room: `#${"x".repeat(60_000)}` } } };
  expect(structuredCommand(content)?.args).toHaveLength(BOUNDS.commandLine.max);
});
