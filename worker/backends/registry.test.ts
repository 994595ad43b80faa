import type { UIMessageChunk } from "ai";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { TurnEvent, TurnMeta } from "#core/turn/backend.ts";
import { backends } from "./registry.ts";

describe("an agent's backend", () => {
  const complaint = (spec: { use: string; [key: string]: unknown }) => {
    const backend = backends().create(spec);
    return backend.ok ? "fine" : backend.error;
  };
  test.for<[spec: { use: string; [key: string]: unknown }, complaint: string]>([
    [{ use: "echo" }, "fine"],
    [{ use: "openai", baseUrl: "$X", model: "m" }, "fine"],
    [{ use: "parrot" }, 'backend.use: there is no "parrot"; there are echo, openai, scripted'],
    [{ use: "toString" }, 'backend.use: there is no "toString"; there are echo, openai, scripted'],
    [{ use: "openai", baseUrl: "http://m/v1" }, "backend.model is missing"],
    [{ use: "echo", volume: 11 }, 'backend has no setting "volume"'],
  ])("%j: %s", ([spec, expected]) => expect(complaint(spec)).toBe(expected));
});

test("the events of a turn have the types of the AI SDK's message chunks", () => {
  expectTypeOf<TurnEvent>().toExtend<UIMessageChunk<TurnMeta>>();
});
