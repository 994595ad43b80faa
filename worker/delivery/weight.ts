/**
 * How much of a text fits into one event, without rendering it: each character has a weight, which is what it takes in the
 * body and in ordinary HTML. Where the HTML of an unusual text is longer, it is left out (content.ts).
 */
import { BOUNDS } from "#core/bounds.ts";
import type { Reach } from "#core/turn/parts.ts";

/** For everything but the text: our mark, ten mentions, the relation, the line that closes a fence. */
const ENVELOPE = 8_000;
/** An edit has its text twice. */
const TEXT_BYTES = (BOUNDS.eventContent.max - ENVELOPE) / 2;

/** What a character takes in HTML beyond what it takes in the body, where it stands for an element or is escaped. */
const HTML_BEYOND: Record<string, number> = {
  "\n": 9,
  "<": 3,
  ">": 4,
  "&": 4,
  '"': 4,
  "'": 4,
  "*": 4,
  _: 4,
  "~": 5,
  "`": 6,
  "#": 5,
  "|": 12,
  "[": 16,
  "@": 45,
};
/** The weights of the characters of one byte: body and HTML. */
const ASCII = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return 2 * (JSON.stringify(character).length - 2) + (HTML_BEYOND[character] ?? 0);
});

/** A URL, from its colon on, and a user id stand twice in their links. */
const URL_REST = /^:\/\/\S*/;
const USER_ID = /^@[^\s:@]+:[^\s@]*/;

/** How far the text goes into one event. */
export const reachOf: Reach = (text) => {
  let [weight, addressed] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    weight += weightOf(code);
    if (at < addressed) weight += 1;
    else if (code === 0x3a || code === 0x40) addressed = addressEnd(text, at);
    if (weight > TEXT_BYTES) return at;
  }
  return text.length;
};

/** Half a surrogate pair alone takes three bytes, a pair four. */
function weightOf(code: number): number {
  if (code < 0x80) return ASCII[code] ?? 1;
  return code < 0x800 ? 4 : 6;
}

const URL_LENGTH = 1_000;

/** Where a URL or a user id ends whose first sign is here. */
function addressEnd(text: string, at: number): number {
  const isUrl = text.startsWith("://", at);
  if (!isUrl && text[at] !== "@") return at;
  const [address = ""] =
    text.slice(at, at + (isUrl ? URL_LENGTH : BOUNDS.id.max)).match(isUrl ? URL_REST : USER_ID) ?? [];
  return at + address.length;
}
