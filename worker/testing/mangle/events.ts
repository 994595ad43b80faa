/** Mangled events, as JSON text. */
import type { Dice } from "../chance.ts";
import {
  anything,
  type Entry,
  huge,
  KEYS,
  LEVELS,
  NUMBERS,
  nested,
  object,
  quoted,
  STRINGS,
  several,
  words,
} from "./json.ts";

const encoder = new TextEncoder();

/** Agents are in the first two, so that mangled messages are answered as well. */
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

const USERS = words(`
  @alice:hs.test @alice:hs.test @alice:hs.test @alice:hs.test @bob:hs.test @eve:evil.test:8448 @troupe:hs.test
  @agent_echo:hs.test @agent_nobody:hs.test @:hs.test @ä😀:hs.test`);
const ODD = words(String.raw`
  \u0000 \ud800 \ud801 \udfff \n \u2028 \t \u0020 /../ %00 | 💥 Ω __proto__ ' \\ \u007f � : $ #`);

/** An id that is strange but valid, or invalid. */
function oddId(dice: Dice, sigil: string, tag: string): string {
  const odd = dice.pick(ODD);
  const bytes = encoder.encode(JSON.parse(`"${sigil}${tag}${odd}"`)).length;
  const filling = "z".repeat(Math.max(0, dice.pick([0, 254, 255, 256, 70_000]) - bytes));
  const inside = dice.pick([`${tag}${odd}${filling}`, `${odd}${tag}${filling}`, `${tag}${odd}`, ""]);
  return `"${dice.oneIn(9) ? "" : sigil}${inside}"`;
}

const ODD_IDS = words(String.raw`"$event" "$" "\ud800" "$\u0000" "$\ud800" 7 null [] {}`);
/** A relation, whole or in pieces. */
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

/** The entries of a valid event of some type. */
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

/** Mangles an event in one way, with or without consequences. The last one of a duplicate key counts. */
function mangleOnce(dice: Dice, entries: Entry[], tag: string): Entry[] {
  const at = dice.below(entries.length);
  const [key, value] = entries[at] ?? ['""', ""];
  const escaped = key.replace(/[a-z]/u, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
  const deep = nested(dice, dice.pick(LEVELS));
  const ways: (() => Entry[])[] = [
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
  return dice.pick(ways)();
}

/** An event in which nothing, or up to three things, are mangled; or another JSON value in its place. */
export function mangledEvent(dice: Dice, tag: string): string {
  if (dice.oneIn(25)) return dice.oneIn(4) ? nested(dice, dice.pick(LEVELS)) : anything(dice);
  let entries = wholeEvent(dice, tag);
  for (let count = dice.pick([0, 0, 0, 1, 1, 2, 3]); count > 0; count--) entries = mangleOnce(dice, entries, tag);
  return object(entries);
}
