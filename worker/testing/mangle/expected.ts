/** What the door must do with a request body, read off the finished bytes. */
import { BOUNDS } from "#core/bounds.ts";

const encoder = new TextEncoder();

export interface Expected {
  status: 200 | 400 | 401 | 403 | 404;
  errcode?: string;
  /** Events that must be stored unchanged, in order. */
  intact: IntactEvent[];
  /** Events that must become dead letters, in order. */
  unreadable: UnreadableEvent[];
}
export type IntactEvent = Record<string, unknown> & { event_id: string; room_id: string };
export interface UnreadableEvent {
  index: number;
  /** What the dead letter must hold, or its beginning. Undefined when the event is nested too deep to be written. */
  raw?: string;
}

/** What must happen to a body that comes from the homeserver itself. */
export function expectationOf(body: Uint8Array): Expected {
  const nothing = { intact: [], unreadable: [] };
  let read: unknown;
  try {
    // As `Request.json()` does: invalid UTF-8 becomes U+FFFD, and a byte order mark is dropped.
    read = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return { status: 400, errcode: "M_NOT_JSON", ...nothing };
  }
  const events = isObject(read) ? read["events"] : undefined;
  if (!Array.isArray(events)) return { status: 400, errcode: "M_BAD_JSON", ...nothing };
  const expected: Expected = { status: 200, intact: [], unreadable: [] };
  for (const [index, one] of events.entries()) {
    const deep = depthOf(one) > BOUNDS.eventDepth.max;
    if (!deep && isIntact(one)) expected.intact.push(one);
    else expected.unreadable.push(deep ? { index } : { index, raw: JSON.stringify(one) });
  }
  return expected;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Well-formed Unicode without NUL, at most 255 bytes, in the shape of its kind of id. */
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

/** How deep arrays and objects are nested. */
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
