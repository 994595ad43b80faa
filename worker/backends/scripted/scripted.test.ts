import { describe, expect, test } from "vitest";
import { closeFence } from "#core/turn/parts.ts";
import { aContext, aRequest, backendContract, eventsOf, textOf } from "../backend.contract.ts";
import { echo } from "../echo/echo.ts";
import { scripted } from "./scripted.ts";

backendContract("echo", { make: echo, fine: "hello" });
backendContract("scripted", { make: scripted, fine: "markdown", failing: "error", slow: "stream 500" });

const withoutPauses = aContext({ sleep: async () => undefined });
const say = async (text: string) => textOf(await eventsOf(scripted().startTurn(aRequest(text), withoutPauses)));

describe("the guide", () => {
  test("says what it is to any other prompt", async () =>
    expect(await say("What are you?")).toContain("I am a script, not an AI"));
  test("gives the same answer to the same prompt", async () =>
    expect(await say("stream 5")).toBe(await say("stream 5")));
  test("tells as many sentences as the prompt says", async () =>
    expect((await say("stream 7")).split("\n")).toHaveLength(7));
  test("writes as many kilobytes as the prompt says, and closes its code fences", async () => {
    const text = await say("long 50");
    expect(text.length).toBeGreaterThan(50_000);
    expect(closeFence(text)).toBe(text);
  });
  test("can fail in the middle of an answer", async () => {
    const events = await eventsOf(scripted().startTurn(aRequest("error after"), withoutPauses));
    expect(textOf(events)).toMatch(/^1\. A troupe/);
    expect(events.at(-2)).toMatchObject({ type: "error", code: "agent", retryable: false });
  });
  test.for(["stream", "slow", "error after"])("says no more after it is stopped: %s", async (text) => {
    const stop = new AbortController();
    const context = aContext({ signal: stop.signal, sleep: async () => stop.abort() });
    const events = await eventsOf(scripted().startTurn(aRequest(text), context));
    expect(textOf(events).split(/\s+/).filter(Boolean).length).toBeLessThanOrEqual(1);
    expect(events.filter(({ type }) => type !== "text-start" && type !== "text-delta" && type !== "text-end")).toEqual([
      { type: "start" },
      { type: "abort" },
    ]);
  });
});
