/**
 * Reads what a server complains about. There is no common form: the cause may be a text, an object, a list, JSON inside a
 * text, or a page of HTML. So all words of it are read, each with the name of its field.
 */

import { BOUNDS } from "#core/bounds.ts";
import { isContainer } from "#core/protocol/json.ts";
import { entriesOf, fieldOf } from "../answer/fields.ts";

export interface Complaint {
  /** The status of the HTTP answer, or the one that stands in its body; undefined for none. */
  status: number | undefined;
  /** Lines of `field: text`, or a text; at most `BOUNDS.complaintWords` characters. */
  words: string;
  /** A page for people. Its words say nothing about the request. */
  isPage: boolean;
  /** It has the form of OpenAI's errors, so that there is such an API at the address. */
  isOfApi: boolean;
}

/** `status`: the one of the HTTP answer. `body`: JSON or a text. */
export function complaintOf(body: unknown, status?: number): Complaint {
  if (typeof body === "string") {
    const isPage = /^\s*<(?:!doctype|html|head|\?xml)/i.test(body);
    const text = body.slice(0, BOUNDS.complaintWords.max);
    return { status, words: isPage ? withoutTags(text) : text.trim(), isPage, isOfApi: false };
  }
  const lines: string[] = [];
  collect(body, "", lines, { left: BOUNDS.complaintWords.max }, 0);
  const isOfApi = isContainer(fieldOf(body, "error")) || fieldOf(body, "object") === "error";
  return { status: status ?? statusIn(body), words: lines.join("\n"), isPage: false, isOfApi };
}

const withoutTags = (page: string): string =>
  page
    .replace(/<(style|script)[\s\S]*?<\/\1>/gi, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();

function collect(value: unknown, name: string, lines: string[], room: { left: number }, depth: number): void {
  if (room.left <= 0 || depth > BOUNDS.complaintDepth.max) return;
  if (isContainer(value)) {
    for (const [key, field] of Object.entries(value)) {
      collect(field, Array.isArray(value) ? name : key, lines, room, depth + 1);
    }
    return;
  }
  if (typeof value !== "string" && typeof value !== "number") return;
  const line = `${name === "" ? "" : `${name}: `}${value}`.slice(0, room.left);
  room.left -= line.length;
  lines.push(line);
}

/** The status that a server gives in its body, where the HTTP answer itself was 200. */
function statusIn(body: unknown): number | undefined {
  const holders = [
    fieldOf(body, "error"),
    fieldOf(body, "detail"),
    body,
    ...entriesOf(body).map((one) => fieldOf(one, "error")),
  ];
  for (const holder of holders) {
    for (const key of ["code", "status", "status_code", "statusCode", "http_code"]) {
      const status = Number(fieldOf(holder, key) ?? "");
      if (Number.isInteger(status) && status >= 300 && status < 600) return status;
    }
  }
  return undefined;
}

const WAITS: readonly RegExp[] = [
  /(?:try again|retry) (?:in|after) (?:(\d+)h)?(?:(\d+)m(?!s))?([\d.]+) ?(?:s\b|sec)/i,
  /retryDelay\W+(?:(\d+)h)?(?:(\d+)m)?([\d.]+)s/i,
  /estimated_time()()\W+([\d.]+)/i,
];
const MS = /(?:try again|retry) (?:in|after) ([\d.]+) ?ms/i;

/** How long the server asks to wait, in milliseconds; undefined where its words do not say. */
export function waitIn({ words }: Complaint): number | undefined {
  const ms = MS.exec(words);
  if (ms) return Math.ceil(Number(ms[1]));
  for (const wait of WAITS) {
    const [, hours, minutes, seconds] = wait.exec(words) ?? [];
    if (seconds === undefined) continue;
    const total = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds);
    if (Number.isFinite(total)) return Math.ceil(total * 1_000);
  }
  return undefined;
}

const HOLDS: readonly RegExp[] = [
  /\bn_ctx: (\d+)/i,
  /maximum (?:context|model|sequence|input|prompt)? ?(?:length|size) (?:is|of) ([\d,]+)/i,
  /context (?:size|length|window)\W+(?:of )?(?:only )?(?:is )?\(?([\d,]+)/i,
  /must have less than ([\d,]+) tokens/i,
  /must be <= ([\d,]+)/i,
  /> ([\d,]+) (?:maximum|tokens)/i,
  /tokens allowed \(([\d,]+)\)/i,
  /for model with ([\d,]+) maximum/i,
  /limit ([\d,]+), requested/i,
];

/** How many tokens the server says that the model holds; undefined where its words do not say. */
export function contextTokensIn({ words }: Complaint): number | undefined {
  for (const holds of HOLDS) {
    const tokens = Number(holds.exec(words)?.[1]?.replaceAll(",", "") ?? Number.NaN);
    if (Number.isInteger(tokens) && tokens > 0) return tokens;
  }
  return undefined;
}
