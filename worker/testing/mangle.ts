/**
 * Mangled transactions, as raw bytes, each made from its seed alone, together with what must become of them. What must
 * hold is read off the finished bytes by rules written down here a second time, and not off the way they were made: so
 * a doubled key, a flipped byte and two mischiefs that cancel each other out need no special case.
 */

import { EVENT_DEPTH_MAX } from "#core/protocol/transaction.ts";
import { Dice } from "./chance.ts";

export interface Mangled {
  seed: number;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array<ArrayBuffer>;
  expected: Expected;
}

export interface Expected {
  status: 200 | 400 | 401 | 403 | 404;
  errcode?: string;
  /** Events that must be stored, in their order, each as it came. */
  intact: IntactEvent[];
  /** Events that must become dead letters, in their order. */
  unreadable: UnreadableEvent[];
}
export type IntactEvent = Record<string, unknown> & { event_id: string; room_id: string };
export interface UnreadableEvent {
  index: number;
  /** What the dead letter must hold, or the beginning of it; undefined when it is too deep to be written down. */
  raw?: string;
}

/** Of these rooms the first two have agents in them, so that what was mangled is answered as well. */
export const ROOMS = [
  "!two:hs.test",
  "!many:hs.test",
  "!ü😀",
  "!a b|c",
  "!%2F..%00%",
  "!\"'\\;--",
  `!${"é".repeat(127)}`,
  "!V12OpaqueWithoutServer",
] as const;

const encoder = new TextEncoder();

// ---------- JSON as text ----------

/** Words in their order, parted by blanks and line feeds only. */
const words = (text: string): string[] => text.split(/[ \n]+/).filter((word) => word !== "");

const NUMBERS = words(`
  0 -0 1 -1 0.1 1e999 -1e999 1e-400 1E+2 9007199254740993 -9007199254740993 9223372036854775807 9223372036854775808
  1e300 -1e308 123456789012345678901234567890`);

const STRINGS = words(String.raw`
  "" "a" "\u0020" "\u0000" "\ud800" "x\udc00y" "\udc00\ud800" "\ud83d\ude00" "😀" "Z̸̡͔a̴l̷g̶o̸" "\"\\\/\b" "\u001f\u007f\u0085"
  "__proto__" "constructor" "[object\u0020Object]" "!stop" ">\u0020<@a:b>\u0020quoted\n\nanswered" "');DROP/**/TABLE/**/events;--"
  "true" "0" "@agent_echo:hs.test" "$event" "!two:hs.test" "@alice:hs.test"`).concat('"\u2028\u202e\ufeff"');

const KEYS = words(String.raw`
  "__proto__" "constructor" "prototype" "toString" "hasOwnProperty" "toJSON" "then" "" "\u0000" "\ud800" "length" "0" "-1"
  "m.x" "event_id" "value" "\u2028"`);

type Entry = [key: string, value: string];
const object = (entries: readonly Entry[]): string => `{${entries.map(([key, value]) => `${key}:${value}`).join(",")}}`;
const quoted = (text: string): string => JSON.stringify(text);

/** Two ways of nesting, `levels` deep. */
const nested = (dice: Dice, levels: number): string =>
  dice.oneIn(2) ? "[".repeat(levels) + "]".repeat(levels) : `${'{"":'.repeat(levels)}0${"}".repeat(levels)}`;

const LEVELS = [10, 100, EVENT_DEPTH_MAX - 2, EVENT_DEPTH_MAX, EVENT_DEPTH_MAX + 1, 2_500, 10_000, 30_000];

const PIECES = words(String.raw`x é € 😀 \u0000 \ud800 \n >\u0020 > 1.\u0020 _a ${"```"}\n [ <b>`);
/** A text that almost fills an event, of characters that weigh 1, 2, 3, 4 and 6 bytes in it, or that nest in Markdown. */
function huge(dice: Dice): string {
  const piece = dice.pick(PIECES);
  const bytes = encoder.encode(piece).length;
  return `"hello\\n\\n${piece.repeat(Math.floor(dice.pick([5_000, 30_000, 64_000, 65_536]) / bytes))}"`;
}

/** Any JSON value. */
function anything(dice: Dice, levels = 3): string {
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

const several = <T>(dice: Dice, most: number, make: (index: number) => T): T[] =>
  Array.from({ length: dice.below(most + 1) }, (_, index) => make(index));

// ---------- events ----------

const USERS = words(`
  @alice:hs.test @alice:hs.test @alice:hs.test @alice:hs.test @bob:hs.test @eve:evil.test:8448 @troupe:hs.test
  @agent_echo:hs.test @agent_nobody:hs.test @:hs.test @ä😀:hs.test`);
const ODD = words(String.raw`
  \u0000 \ud800 \ud801 \udfff \n \u2028 \t \u0020 /../ %00 | 💥 Ω __proto__ ' \\ \u007f � : $ #`);

/** The inside of an id: strange but allowed, or not allowed at all. */
function oddId(dice: Dice, sigil: string, tag: string): string {
  const odd = dice.pick(ODD);
  const bytes = encoder.encode(JSON.parse(`"${sigil}${tag}${odd}"`)).length;
  const filling = "z".repeat(Math.max(0, dice.pick([0, 254, 255, 256, 70_000]) - bytes));
  const inside = dice.pick([`${tag}${odd}${filling}`, `${odd}${tag}${filling}`, `${tag}${odd}`, ""]);
  return `"${dice.oneIn(9) ? "" : sigil}${inside}"`;
}

const ODD_IDS = words(String.raw`"$event" "$" "\ud800" "$\u0000" "$\ud800" 7 null [] {}`);
/** In the place of a relation: what a relation may be, whole and in pieces. */
function relation(dice: Dice): string {
  const id = dice.pick([...ODD_IDS, oddId(dice, "$", "r")]);
  return dice.pick([
    anything(dice),
    `{"rel_type":"m.thread","event_id":${id}}`,
    `{"rel_type":"m.thread","event_id":${id},"is_falling_back":${anything(dice, 1)},"m.in_reply_to":{"event_id":${id}}}`,
    `{"rel_type":"m.replace","event_id":${id}}`,
    `{"rel_type":${anything(dice, 1)},"event_id":${id}}`,
    `{"m.in_reply_to":{"event_id":${id}}}`,
    `{"m.in_reply_to":${anything(dice, 1)}}`,
  ]);
}

function mentions(dice: Dice): string {
  const users = several(dice, 4, () => dice.pick([anything(dice, 1), quoted(dice.pick(USERS))]));
  return dice.pick([
    anything(dice),
    `{"user_ids":[${users.join(",")}]}`,
    `{"user_ids":[${Array(300).fill('"@agent_echo:hs.test"').join(",")}],"room":${anything(dice, 1)}}`,
    `{"user_ids":["@agent_echo:hs.test","@agent_second:hs.test"]}`,
    `{"user_ids":${anything(dice, 1)}}`,
  ]);
}

const MSGTYPES = words('"m.text" "m.text" "m.text" "m.emote" "m.notice" "m.image" "odd"');

function messageContent(dice: Dice): string {
  const text = dice.oneIn(40) ? huge(dice) : dice.pick(['"hello"', '"hello"', dice.pick(STRINGS), anything(dice)]);
  const entries: Entry[] = [
    ['"msgtype"', dice.pick([...MSGTYPES, anything(dice, 1)])],
    ['"body"', text],
  ];
  if (dice.oneIn(3)) entries.push(['"m.relates_to"', relation(dice)]);
  if (dice.oneIn(3)) entries.push(['"m.mentions"', mentions(dice)]);
  if (dice.oneIn(10)) entries.push(['"filename"', anything(dice, 1)]);
  if (dice.oneIn(5)) entries.push([dice.pick(KEYS), anything(dice)]);
  return object(entries);
}

const AGES = words(`10 -1 -9007199254740993 1e300 1e999 0.5 "10" null [] 899999 900001 -0`);

function unsigned(dice: Dice): string {
  const entries: Entry[] = [['"age"', dice.pick(AGES)]];
  if (dice.oneIn(4)) entries.push(['"prev_content"', anything(dice)]);
  if (dice.oneIn(4)) entries.push([dice.pick(KEYS), anything(dice)]);
  if (dice.oneIn(20)) entries.push(['"io.element.synapse.soft_failed"', anything(dice, 1)]);
  return dice.oneIn(6) ? anything(dice) : object(entries);
}

const MEMBERSHIPS = words('"join" "leave" "ban" "knock" "invite" "invite"');

/** The parts of an event in which only its kind is unusual. */
function wholeEvent(dice: Dice, tag: string): Entry[] {
  const common: Entry[] = [
    ['"event_id"', quoted(`$${tag}`)],
    ['"room_id"', quoted(dice.pick(dice.oneIn(2) ? [ROOMS[0], ROOMS[1]] : ROOMS))],
    ['"sender"', quoted(dice.pick(USERS))],
    ['"origin_server_ts"', dice.pick(["1000", "9007199254740993", dice.pick(NUMBERS)])],
    ['"unsigned"', unsigned(dice)],
  ];
  const of = (type: string, content: string, ...more: Entry[]): Entry[] =>
    [...common, ['"type"', type] satisfies Entry, ['"content"', content] satisfies Entry].concat(more);
  switch (dice.below(12)) {
    case 0:
    case 1: {
      const membership = dice.pick([...MEMBERSHIPS, anything(dice, 1)]);
      const whom = dice.pick([quoted(dice.pick(USERS)), oddId(dice, "@", `${tag}:`), dice.pick(STRINGS)]);
      return of('"m.room.member"', `{"membership":${membership},"reason":${anything(dice, 1)}}`, ['"state_key"', whom]);
    }
    case 2:
      return of('"m.room.redaction"', object([['"redacts"', anything(dice, 1)]]), ['"redacts"', dice.pick(STRINGS)]);
    case 3:
      return of('"m.room.encrypted"', `{"algorithm":${anything(dice, 1)},"ciphertext":${anything(dice)}}`);
    case 4:
      return of(dice.pick(STRINGS), anything(dice, 2).replace(/^[^{].*$/su, "{}"), ['"state_key"', dice.pick(STRINGS)]);
    default:
      return of('"m.room.message"', messageContent(dice));
  }
}

/** One mischief done to an event, with or without consequences. Of a doubled key the last one counts. */
function mischief(dice: Dice, entries: Entry[], tag: string): Entry[] {
  const at = dice.below(entries.length);
  const [key, value] = entries[at] ?? ['""', ""];
  const escaped = key.replace(/[a-z]/u, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
  const deep = nested(dice, dice.pick(LEVELS));
  const mischiefs: (() => Entry[])[] = [
    () => entries.toSpliced(at, 1),
    () => entries.with(at, [key, anything(dice)]),
    () => entries.with(at, [escaped, value]),
    () => [[key, anything(dice)], ...entries],
    () => [...entries, [key, anything(dice)]],
    () => [...entries, [dice.pick(KEYS), anything(dice)]],
    () => [...entries, ['"content"', messageContent(dice)]],
    () => [...entries, ['"content"', `{"body":"deep","msgtype":"m.text","deep":${deep}}`]],
    () => [...entries, [dice.pick(words('"deep" "unsigned" "__proto__" "sender"')), deep]],
    () => [...entries, ['"event_id"', oddId(dice, "$", tag)]],
    () => [...entries, ['"room_id"', oddId(dice, "!", tag)]],
    () => [...entries, ['"sender"', oddId(dice, dice.pick(["@", "@a:"]), dice.pick(["", `${tag}:`]))]],
  ];
  return dice.pick(mischiefs)();
}

function event(dice: Dice, tag: string): string {
  if (dice.oneIn(25)) return dice.oneIn(4) ? nested(dice, dice.pick(LEVELS)) : anything(dice);
  let entries = wholeEvent(dice, tag);
  for (let count = dice.pick([0, 0, 0, 1, 1, 2, 3]); count > 0; count--) entries = mischief(dice, entries, tag);
  return object(entries);
}

// ---------- the request ----------

function envelope(dice: Dice, seed: number): string {
  // Two of a kind in one batch now and then: an event that is there twice is stored once.
  const list = several(dice, dice.oneIn(30) ? 60 : 6, (index) => event(dice, `${seed}-${dice.oneIn(25) ? 0 : index}`));
  const events = dice.oneIn(15) ? anything(dice) : `[${list.join(dice.pick([",", " ,\n\t", ","]))}]`;
  const entries: Entry[] = [['"events"', events]];
  if (dice.oneIn(4)) entries.push([dice.pick(KEYS), dice.oneIn(10) ? nested(dice, 10_000) : anything(dice)]);
  if (dice.oneIn(6)) entries.unshift([dice.pick(['"ephemeral"', '"de.sorunome.msc2409.ephemeral"']), anything(dice)]);
  if (dice.oneIn(30)) entries.unshift(['"events"', anything(dice)]);
  if (dice.oneIn(30)) entries.push(['"events"', anything(dice)]);
  // Several megabytes that mean nothing.
  if (dice.oneIn(1_000)) entries.push(['"m.padding"', `"${"x".repeat(4_000_000)}"`]);
  return dice.oneIn(40) ? anything(dice) : object(entries);
}

/** Bytes that are no UTF-8, half a character, a surrogate written as if it were a character. */
const BAD_BYTES = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0x00]];

const NO_TRANSACTIONS = ["", " ", "null", "undefined", "NaN", "{'events':[]}", "\0", '{"events":[],}', '{"events":[]'];

function bodyOf(dice: Dice, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = joined(encoder.encode(envelope(dice, seed)));
  const at = dice.below(bytes.length);
  switch (dice.below(40)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      bytes[at] = dice.below(256);
      return bytes;
    case 2:
      return joined(bytes.slice(0, at), Uint8Array.from(dice.pick(BAD_BYTES)), bytes.slice(at));
    case 3:
      return joined(Uint8Array.of(0xef, 0xbb, 0xbf), bytes);
    case 4:
      return joined(encoder.encode(dice.pick(NO_TRANSACTIONS)));
    case 5:
      return joined(bytes, encoder.encode(dice.pick([" \n", "}", "{}", "//", "\0"])));
    default:
      return bytes;
  }
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

type Refusal = Pick<Expected, "status" | "errcode">;
const NOWHERE: Refusal = { status: 404, errcode: "M_UNRECOGNIZED" };
const STRANGER: Refusal = { status: 403, errcode: "M_FORBIDDEN" };
const UNSAID: Refusal = { status: 401, errcode: "M_UNAUTHORIZED" };

const TXN_IDS = words(`
  % %zz %00 %E0%A4%A %2F a%2Fb %25 %252F é😀 1;x=y :txnId * __proto__ %F0%9F%98%80 %ED%A0%80 ~!$&'()*+,;=:@
  ${"x".repeat(10_000)}`).concat("a b");

type Said = [authorization: string, query: string, refusal?: Refusal];
/** Ways to show the token, or not; what stands after the path; and how it ends when the token is not shown well. */
const waysToSay = (token: string): Said[] => [
  ...["", "Bearer", token, `Basic ${token}`].map((said): Said => [said, "", UNSAID]),
  ...[` ${token}`, `${token}\u00ff`, "x".repeat(100_000), "x"].map((said): Said => [`Bearer ${said}`, "", STRANGER]),
  ...["", "%E0%A4%A", "%00", "x"].map((said): Said => [`Bearer ${token}`, `?access_token=${said}`, STRANGER]),
  ["Bearer x", `?access_token=${token}`, STRANGER],
  ["", `?access_token=${token}`],
  [`bEARER ${token}`, `?access_token=${token}&x=%`],
];

const CONTENT_TYPES = words("application/json application/json text/plain multipart/form-data x/é").concat("");
type WayIn = Pick<Mangled, "path" | "headers"> & { refusal?: Refusal };

/** How the request comes in: the path, who says it, what it says it is; and the refusal if it gets no further. */
function wayIn(dice: Dice, seed: number, token: string): WayIn {
  const root = "/_matrix/app/v1/transactions/";
  const contentType = dice.pick(CONTENT_TYPES);
  const way = {
    path: root + (dice.oneIn(10) ? dice.pick(TXN_IDS) : String(seed)),
    headers: { authorization: `Bearer ${token}`, "content-type": contentType },
  };
  if (dice.oneIn(60)) return { ...way, path: root + dice.pick(["", "#1", "a/b", "..", "1/"]), refusal: NOWHERE };
  if (!dice.oneIn(30)) return way;
  const [authorization, query, refusal] = dice.pick(waysToSay(token));
  const mangled = { path: way.path + query, headers: { ...way.headers, authorization } };
  return refusal ? { ...mangled, refusal } : mangled;
}

/** The transaction of a seed, shown with this `hs_token` or something like it. */
export function mangledTransaction(seed: number, token: string): Mangled {
  const dice = new Dice(seed);
  const body = bodyOf(dice, seed);
  const { refusal, ...way } = wayIn(dice, seed, token);
  const expected = refusal ? { ...refusal, intact: [], unreadable: [] } : expectationOf(body);
  return { seed, ...way, body, expected };
}

// ---------- what must hold ----------

/** What must become of these bytes. */
function expectationOf(body: Uint8Array): Expected {
  const nothing = { intact: [], unreadable: [] };
  let read: unknown;
  try {
    // As every reader of a request does: what is no UTF-8 becomes U+FFFD, and a byte order mark goes.
    read = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return { status: 400, errcode: "M_NOT_JSON", ...nothing };
  }
  const events = isObject(read) ? read["events"] : undefined;
  if (!Array.isArray(events)) return { status: 400, errcode: "M_BAD_JSON", ...nothing };
  const expected: Expected = { status: 200, intact: [], unreadable: [] };
  for (const [index, one] of events.entries()) {
    const deep = depthOf(one) > EVENT_DEPTH_MAX;
    if (!deep && isIntact(one)) expected.intact.push(one);
    else expected.unreadable.push(deep ? { index } : { index, raw: JSON.stringify(one) });
  }
  return expected;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A text of the whole of Unicode, without NUL, of 255 bytes at most, that begins as it should. */
const isId = (value: unknown, shape: RegExp): boolean =>
  typeof value === "string" &&
  shape.test(value) &&
  value.isWellFormed() &&
  !value.includes("\0") &&
  encoder.encode(value).length <= 255;

function isIntact(value: unknown): value is IntactEvent {
  if (!isObject(value)) return false;
  const optional = (key: string, type: string) => !Object.hasOwn(value, key) || typeof value[key] === type;
  return (
    isId(value["event_id"], /^\$[^\n\r\u2028\u2029]/) &&
    isId(value["room_id"], /^![^\n\r\u2028\u2029]/) &&
    isId(value["sender"], /^@[^:]*:[^\n\r\u2028\u2029]+$/) &&
    typeof value["type"] === "string" &&
    isObject(value["content"]) &&
    optional("state_key", "string") &&
    optional("redacts", "string") &&
    optional("origin_server_ts", "number") &&
    (value["origin_server_ts"] === undefined || Number.isFinite(value["origin_server_ts"]))
  );
}

/** How many arrays and objects stand inside each other. */
function depthOf(value: unknown): number {
  let deepest = 0;
  const open: [value: unknown, depth: number][] = [[value, 0]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [one, depth] = next;
    if (typeof one !== "object" || one === null) continue;
    deepest = Math.max(deepest, depth + 1);
    for (const inner of Object.values(one)) open.push([inner, depth + 1]);
  }
  return deepest;
}
