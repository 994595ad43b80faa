/** The pair guard's arithmetic: twenty within a minute, then a minute of rest. */
import { describe, expect, test } from "vitest";
import { countOneMore, isResting, type PairCount } from "./pair-guard.ts";

const AT = 1_000_000;
const S = 1_000;
const at = (sinceMs: number, count: number, restUntilMs = 0): PairCount => ({ sinceMs, count, restUntilMs });

describe("counting one more message", () => {
  test.for<[name: string, before: PairCount | undefined, nowMs: number, after: PairCount]>([
    ["the first", undefined, AT, at(AT, 1)],
    ["the second", at(AT, 1), AT + 5 * S, at(AT, 2)],
    ["the nineteenth", at(AT, 18), AT + 30 * S, at(AT, 19)],
    ["the twentieth, and rest begins", at(AT, 19), AT + 30 * S, at(AT, 20, AT + 90 * S)],
    ["the twentieth within the last moment", at(AT, 19), AT + 60 * S - 1, at(AT, 20, AT + 120 * S - 1)],
    ["a minute after the first", at(AT, 19), AT + 60 * S, at(AT + 60 * S, 1)],
    ["long after", at(AT, 5), AT + 3_600 * S, at(AT + 3_600 * S, 1)],
    ["when rest is over", at(AT, 20, AT + 40 * S), AT + 40 * S, at(AT + 40 * S, 1)],
    ["when rest is not over", at(AT, 20, AT + 90 * S), AT + 50 * S, at(AT, 21, AT + 110 * S)],
    ["with a clock that goes back", at(AT, 1), AT - 10 * S, at(AT, 2)],
  ])("%s", ([, before, nowMs, after]) => expect(countOneMore(before, nowMs)).toEqual(after));
});

describe("the rest of a pair", () => {
  test.for<[name: string, pair: PairCount | undefined, nowMs: number, rests: boolean]>([
    ["nothing counted", undefined, AT, false],
    ["counted, no rest", at(AT, 19), AT, false],
    ["rests", at(AT, 20, AT + S), AT, true],
    ["rests up to the last moment", at(AT, 20, AT + S), AT + S - 1, true],
    ["has rested", at(AT, 20, AT + S), AT + S, false],
  ])("%s", ([, pair, nowMs, rests]) => expect(isResting(pair, nowMs)).toBe(rests));

  /** How many messages get through when a bot sends one every `everyMs`. */
  function heard(everyMs: number, forMs: number): number {
    let pair: PairCount | undefined;
    let count = 0;
    for (let nowMs = AT; nowMs < AT + forMs; nowMs += everyMs) {
      if (isResting(pair, nowMs)) continue;
      pair = countOneMore(pair, nowMs);
      count++;
    }
    return count;
  }
  test.for<[name: string, everyMs: number, forMs: number, most: number]>([
    ["a flood for ten minutes: twenty messages, then a minute's rest, again and again", 100, 600 * S, 200],
    ["one message every second for ten minutes: twenty, then a minute's rest", S, 600 * S, 160],
    ["one message every three seconds and a bit: never a rest", 3_200, 600 * S, 188],
    ["400 messages in 130 minutes (OpenClaw #114211): never a rest, `hops` limits these", 19_500, 130 * 60 * S, 400],
  ])("%s", ([, everyMs, forMs, most]) => expect(heard(everyMs, forMs)).toBe(most));
});
