import type { UIMessageChunk } from "ai";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { TurnEvent, TurnMeta } from "#core/turn/backend.ts";
import { backends } from "./registry.ts";

describe("an agent's backend", () => {
  const check = (spec: { use: string; [key: string]: unknown }) => {
    const checked = backends().make(spec);
    return checked.ok ? "fine" : checked.error;
  };
  test.for<[spec: { use: string; [key: string]: unknown }, complaint: string]>([
    [{ use: "echo" }, "fine"],
    [{ use: "openai", baseUrl: "$X", model: "m" }, "fine"],
    [{ use: "parrot" }, 'backend.use: there is no "parrot"; there are echo, openai, scripted'],
    [{ use: "toString" }, 'backend.use: there is no "toString"; there are echo, openai, scripted'],
    [{ use: "openai", baseUrl: "http://m/v1" }, "backend.model is missing"],
    [{ use: "echo", volume: 11 }, 'backend has no setting "volume"'],
  ])("%j: %s", ([spec, complaint]) => expect(check(spec)).toBe(complaint));
});

test("a turn's events are chunks of the AI SDK's messages", () => {
  expectTypeOf<TurnEvent>().toExtend<UIMessageChunk<TurnMeta>>();
});
