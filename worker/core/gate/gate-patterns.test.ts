/** Patterns are searched for in so much of a message that all of them together cost no more than a bound. */
import { describe, expect, test } from "vitest";
import { aMessage } from "#testing/events.ts";
import { concerned, facts, inWords, verdictOn } from "#testing/gate-facts.ts";
import { BOUNDS } from "../bounds.ts";

const AT = 4_000;
const text = `${"x ".repeat(AT / 2)}needle`;
const found = (agents: number, patterns: (agent: number) => string[]) => {
  const present = Array.from({ length: agents }, (_, n) => concerned(`a${n}`, { patterns: patterns(n) }));
  return inWords(verdictOn(aMessage(text), facts({ present })));
};

describe("a word at the end of a long message", () => {
  test("is found by a pattern", () => expect(found(1, () => ["needle"])).toContain("wake a0"));
  test("is found by the same pattern of many agents", () => {
    expect(AT).toBeGreaterThan(BOUNDS.patternSteps.max / 100);
    expect(found(20, () => ["needle"])).toContain("wake a0");
  });
  test("is not reached by a hundred different patterns", () => {
    const many = (agent: number) => Array.from({ length: 5 }, (_, n) => `needle|${agent}-${n}`);
    expect(found(20, many)).not.toContain("wake");
  });
});
