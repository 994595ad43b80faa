/** JSON as text, strange but valid: the pieces that mangled events are made of. */
import { BOUNDS } from "#core/bounds.ts";
import type { Dice } from "../chance.ts";

const encoder = new TextEncoder();

/** The words of a text; only spaces and line feeds separate them. */
export const words = (text: string): string[] => text.split(/[ \n]+/).filter((word) => word !== "");

export const NUMBERS = words(`
  0 -0 1 -1 0.1 1e999 -1e999 1e-400 1E+2 9007199254740993 -9007199254740993 9223372036854775807 9223372036854775808
  1e300 -1e308 123456789012345678901234567890`);

export const STRINGS = words(String.raw`
  "" "a" "\u0020" "\u0000" "\ud800" "x\udc00y" "\udc00\ud800" "\ud83d\ude00" "😀" "Z̸̡͔a̴l̷g̶o̸" "\"\\\/\b" "\u001f\u007f\u0085"
  "__proto__" "constructor" "[object\u0020Object]" "!stop" ">\u0020<@a:b>\u0020quoted\n\nanswered" "');DROP/**/TABLE/**/events;--"
  "true" "0" "@agent_echo:hs.test" "$event" "!two:hs.test" "@alice:hs.test"`).concat('"\u2028\u202e\ufeff"');

export const KEYS = words(String.raw`
  "__proto__" "constructor" "prototype" "toString" "hasOwnProperty" "toJSON" "then" "" "\u0000" "\ud800" "length" "0" "-1"
  "m.x" "event_id" "value" "\u2028"`);

/** A key and its value, both as JSON text. */
export type Entry = [key: string, value: string];
export const object = (entries: readonly Entry[]): string =>
  `{${entries.map(([key, value]) => `${key}:${value}`).join(",")}}`;
export const quoted = (text: string): string => JSON.stringify(text);

/** Arrays or objects inside each other, `levels` deep. */
export const nested = (dice: Dice, levels: number): string =>
  dice.oneIn(2) ? "[".repeat(levels) + "]".repeat(levels) : `${'{"":'.repeat(levels)}0${"}".repeat(levels)}`;

const { max: DEPTH } = BOUNDS.eventDepth;
export const LEVELS = [10, 100, DEPTH - 2, DEPTH, DEPTH + 1, 2_500, 10_000, 30_000];

const PIECES = words(String.raw`x é € 😀 \u0000 \ud800 \n >\u0020 > 1.\u0020 _a ${"```"}\n [ <b>`);
/** A text that almost fills an event. Its characters take 1, 2, 3, 4 or 6 bytes each, or nest in Markdown. */
export function huge(dice: Dice): string {
  const piece = dice.pick(PIECES);
  const bytes = encoder.encode(piece).length;
  return `"hello\\n\\n${piece.repeat(Math.floor(dice.pick([5_000, 30_000, 64_000, 65_536]) / bytes))}"`;
}

/** Any JSON value. */
export function anything(dice: Dice, levels = 3): string {
  switch (dice.below(levels > 0 ? 8 : 5)) {
    case 0:
      return dice.pick(["null", "true", "false"]);
    case 1:
      return dice.pick(NUMBERS);
    case 2:
      return dice.pick(["[]", "{}", "[[]]", "[null]", '{"":{}}']);
    case 3:
    case 4:
      return dice.pick(STRINGS);
    case 5:
      return `[${several(dice, 4, () => anything(dice, levels - 1)).join(",")}]`;
    default:
      return object(several(dice, 4, () => [dice.pick(KEYS), anything(dice, levels - 1)]));
  }
}

export const several = <T>(dice: Dice, most: number, make: (index: number) => T): T[] =>
  Array.from({ length: dice.below(most + 1) }, (_, index) => make(index));
