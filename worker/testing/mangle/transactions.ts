/**
 * Mangled transactions, as raw bytes. Each is made from its seed alone. What the door must do with it is read off the
 * finished bytes by a second copy of the rules, and not off the way they were made: so a duplicate key, a flipped byte
 * and two changes that cancel each other out need no special case.
 */
import { Dice } from "../chance.ts";
import { mangledEvent } from "./events.ts";
import { type Expected, expectationOf } from "./expected.ts";
import { anything, type Entry, KEYS, nested, object, several, words } from "./json.ts";

const encoder = new TextEncoder();

export interface Mangled {
  seed: number;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array<ArrayBuffer>;
  expected: Expected;
}

function envelope(dice: Dice, seed: number): string {
  // Sometimes two events have the same id: such an event is stored once.
  const list = several(dice, dice.oneIn(30) ? 60 : 6, (index) =>
    mangledEvent(dice, `${seed}-${dice.oneIn(25) ? 0 : index}`),
  );
  const events = dice.oneIn(15) ? anything(dice) : `[${list.join(dice.pick([",", " ,\n\t", ","]))}]`;
  const entries: Entry[] = [['"events"', events]];
  if (dice.oneIn(4)) entries.push([dice.pick(KEYS), dice.oneIn(10) ? nested(dice, 10_000) : anything(dice)]);
  if (dice.oneIn(6)) entries.unshift([dice.pick(['"ephemeral"', '"de.sorunome.msc2409.ephemeral"']), anything(dice)]);
  if (dice.oneIn(30)) entries.unshift(['"events"', anything(dice)]);
  if (dice.oneIn(30)) entries.push(['"events"', anything(dice)]);
  // A body of several megabytes.
  if (dice.oneIn(1_000)) entries.push(['"m.padding"', `"${"x".repeat(4_000_000)}"`]);
  return dice.oneIn(40) ? anything(dice) : object(entries);
}

/** Invalid UTF-8: a wrong byte, half a character, an encoded surrogate, an overlong sequence; and a NUL. */
const BAD_BYTES = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0x00]];

const NOT_TRANSACTIONS = ["", " ", "null", "undefined", "NaN", "{'events':[]}", "\0", '{"events":[],}', '{"events":[]'];

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
      return joined(encoder.encode(dice.pick(NOT_TRANSACTIONS)));
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
const UNKNOWN_PATH: Refusal = { status: 404, errcode: "M_UNRECOGNIZED" };
const WRONG_TOKEN: Refusal = { status: 403, errcode: "M_FORBIDDEN" };
const NO_TOKEN: Refusal = { status: 401, errcode: "M_UNAUTHORIZED" };

const TXN_IDS = words(`
  % %zz %00 %E0%A4%A %2F a%2Fb %25 %252F é😀 1;x=y :txnId * __proto__ %F0%9F%98%80 %ED%A0%80 ~!$&'()*+,;=:@
  ${"x".repeat(10_000)}`).concat("a b");

type Authorization = [authorization: string, query: string, refusal?: Refusal];
/** Valid and invalid ways to send the token. A refusal is how the invalid ones are answered. */
const waysToAuthorize = (token: string): Authorization[] => [
  ...["", "Bearer", token, `Basic ${token}`].map((authorization): Authorization => [authorization, "", NO_TOKEN]),
  ...[` ${token}`, `${token}\u00ff`, "x".repeat(100_000), "x"].map(
    (authorization): Authorization => [`Bearer ${authorization}`, "", WRONG_TOKEN],
  ),
  ...["", "%E0%A4%A", "%00", "x"].map(
    (inQuery): Authorization => [`Bearer ${token}`, `?access_token=${inQuery}`, WRONG_TOKEN],
  ),
  ["Bearer x", `?access_token=${token}`, WRONG_TOKEN],
  ["", `?access_token=${token}`],
  [`bEARER ${token}`, `?access_token=${token}&x=%`],
];

const CONTENT_TYPES = words("application/json application/json text/plain multipart/form-data x/é").concat("");
type RequestHead = Pick<Mangled, "path" | "headers"> & { refusal?: Refusal };

/** The path and headers of a request, and how it is refused if they are invalid. */
function requestHead(dice: Dice, seed: number, token: string): RequestHead {
  const root = "/_matrix/app/v1/transactions/";
  const contentType = dice.pick(CONTENT_TYPES);
  const way = {
    path: root + (dice.oneIn(10) ? dice.pick(TXN_IDS) : String(seed)),
    headers: { authorization: `Bearer ${token}`, "content-type": contentType },
  };
  if (dice.oneIn(60)) return { ...way, path: root + dice.pick(["", "#1", "a/b", "..", "1/"]), refusal: UNKNOWN_PATH };
  if (!dice.oneIn(30)) return way;
  const [authorization, query, refusal] = dice.pick(waysToAuthorize(token));
  const mangled = { path: way.path + query, headers: { ...way.headers, authorization } };
  return refusal ? { ...mangled, refusal } : mangled;
}

/** The transaction of a seed, sent with this `hs_token` or with a mangled one. */
export function mangledTransaction(seed: number, token: string): Mangled {
  const dice = new Dice(seed);
  const body = bodyOf(dice, seed);
  const { refusal, ...way } = requestHead(dice, seed, token);
  const expected = refusal ? { ...refusal, intact: [], unreadable: [] } : expectationOf(body);
  return { seed, ...way, body, expected };
}
