/**
 * Texts as people read them. Clients write the same letters with other characters: composed or not, of full width, with marks
 * between them that nobody sees. `readable` is the text with as little changed as possible, `plain` is for short texts that
 * are compared or looked up, and `folded` ignores case too.
 *
 * @see https://www.unicode.org/reports/tr15/
 */
import { BOUNDS } from "../bounds.ts";

const ASCII = /^\p{ASCII}*$/u;

/** Letters and emoji whose shape a joiner behind them may change. */
const EMOJI = String.raw`\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}`;
const JOINING_SCRIPTS = [
  ...["Arabic", "Syriac", "Mongolian", "Nko", "Thaana", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya"],
  ...["Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Khmer", "Myanmar", "Tibetan"],
];
const JOINING = JOINING_SCRIPTS.map((script) => String.raw`\p{Script=${script}}`).join("");
const SELECTORS = String.raw`\ufe00-\ufe0f\u{e0100}-\u{e01ef}`;
const TAGS = String.raw`\u{e0001}-\u{e007f}`;
/** Selectors behind characters that have only one shape. They go first: they may stand between a letter and a joiner. */
const USELESS_SELECTORS = new RegExp(
  String.raw`(?<![\p{Emoji}\p{Script=Han}\p{Script=Mongolian}\p{Script=Myanmar}${SELECTORS}])[${SELECTORS}]+`,
  "gu",
);
/** Spaces of no width, soft hyphens, marks of direction, joiners that join nothing, and tags without a flag. */
const INVISIBLE = new RegExp(
  [
    String.raw`[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]`,
    String.raw`(?<![${EMOJI}${JOINING}\ufe0f\u200c\u200d])[\u200c\u200d]+`,
    String.raw`(?<![\u{1f3f4}${TAGS}])[${TAGS}]+`,
  ].join("|"),
  "gu",
);

const MARKS = new RegExp(String.raw`\p{M}{${BOUNDS.letterMarks.max + 1},}`, "gu");
const withoutHeaps = (text: string): string =>
  text.replace(MARKS, (marks) => Array.from(marks).slice(0, BOUNDS.letterMarks.max).join(""));

/** The text in composed characters, without those that nobody sees. What is seen stays as it was written. */
export function readable(text: string): string {
  if (ASCII.test(text)) return text;
  return withoutHeaps(text).normalize("NFC").replace(USELESS_SELECTORS, "").replace(INVISIBLE, "");
}

const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/** Phones type these in place of apostrophes, quotation marks and hyphens. */
const TYPOGRAPHY: Record<string, RegExp> = { "'": /[‘’ʼ]/g, '"': /[“”„]/g, "-": /[\u2010-\u2015\u2212]/g };

/** A short text without all that makes no difference in meaning: width, fonts, invisible characters. Case stays. */
export function plain(text: string): string {
  if (ASCII.test(text)) return text;
  const normal = withoutHeaps(text.replace(IGNORABLE, "")).normalize("NFKC").replace(IGNORABLE, "");
  return Object.entries(TYPOGRAPHY).reduce((left, [sign, others]) => left.replace(others, sign), normal);
}

/** The same without case: two names that look alike are equal. */
export function folded(text: string): string {
  return plain(text).toLowerCase().replaceAll("ς", "σ");
}

/** A character with what is written above, below and behind it; parts of one Korean syllable stay together. */
const CHARACTER = new RegExp(
  [
    String.raw`[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7fb\uffa0-\uffdc]+`,
    String.raw`[\s\S][\p{M}\p{Default_Ignorable_Code_Point}\uff9e\uff9f]*`,
  ].join("|"),
  "gu",
);

/** The folded beginning of a text, and where each of its characters ends in the text. */
export interface Beginning {
  readonly folded: string;
  /** Where the first `length` characters end in the text; undefined where a character of the text would be cut. */
  endOf(length: number): number | undefined;
}

/** The beginning of a text, long enough for every form of a mention. */
export function beginningOf(text: string): Beginning {
  const head = text.slice(0, BOUNDS.beginning.max);
  if (ASCII.test(head)) {
    return { folded: head.toLowerCase(), endOf: (length) => (length <= head.length ? length : undefined) };
  }
  let all = "";
  const ends = new Map([[0, 0]]);
  for (const { 0: character, index } of head.matchAll(CHARACTER)) {
    all += folded(character);
    ends.set(all.length, index + character.length);
  }
  return { folded: all, endOf: (length) => ends.get(length) };
}

/** The rest of the text behind a form it begins with, in whichever characters; undefined where it begins otherwise. */
export function behind(text: string, form: string, beginning = beginningOf(text)): string | undefined {
  const wanted = folded(form);
  if (wanted === "" || !beginning.folded.startsWith(wanted)) return undefined;
  const end = beginning.endOf(wanted.length);
  return end === undefined ? undefined : text.slice(end);
}
