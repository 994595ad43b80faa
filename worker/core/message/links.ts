/**
 * Links to users: pills in the HTML, and the Markdown links that some clients write into the body in their place.
 *
 * @see https://spec.matrix.org/v1.19/appendices/#uris
 */
import { BOUNDS } from "../bounds.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { RoomId, UserId } from "../protocol/ids.ts";
import { codeBlanked } from "./code.ts";

/** A link to a user, with the text that stands for them. */
export interface UserLink {
  userId: UserId;
  label: string;
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    // An invalid link stands for nobody: no id is empty.
    return "";
  }
};

const MATRIX_TO = /^https?:\/\/(?:www\.)?matrix\.to\/#\/([^?/]+)/i;

/** The user a link is to. */
export function userOfLink(href: string): UserId | undefined {
  const link = href.replaceAll("&amp;", "&");
  const [, fragment] = link.match(MATRIX_TO) ?? [];
  const [, uri] = link.match(/^matrix:(?:u|user)\/([^?/]+)/i) ?? [];
  const id = fragment ?? (uri === undefined ? undefined : `@${uri}`);
  return id === undefined ? undefined : UserId.safeParse(decoded(id)).data;
}

/** The room id or alias a link is to. */
export function roomOfLink(href: string): string | undefined {
  const [, fragment] = href.match(MATRIX_TO) ?? [];
  const [, kind, uri] = href.match(/^matrix:(roomid|r|room)\/([^?/]+)/i) ?? [];
  const name = decoded(fragment ?? (uri === undefined ? "" : `${kind?.toLowerCase() === "roomid" ? "!" : "#"}${uri}`));
  return name.startsWith("#") ? name : RoomId.safeParse(name).data;
}

const QUOTED = /<(\/?)(?:mx-reply|code|pre|blockquote)\b[^<>]*>/gi;
const PROFILE = /<([a-z]+)\s[^<>]*\bdata-mx-profile-fallback\b[^<>]*>/i;

/** The HTML of a message; undefined where it has none. */
export const htmlIn = ({ formatted_body: html, format }: RoomEvent["content"]): string | undefined =>
  typeof html === "string" && format === "org.matrix.custom.html" ? html : undefined;

/** The users that links in the HTML stand for, outside of quotations, code and the names of profiles. */
export function pillsIn(html: string): UserLink[] {
  const own = withoutProfile(withoutElements(html.slice(0, BOUNDS.mentionText.max)));
  const links = [...own.matchAll(/<a\s[^<>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)')[^<>]*>/gi)];
  return links.slice(0, BOUNDS.mentionsRead.max).flatMap(({ 0: tag, 1: double, 2: single, index }) => {
    const userId = userOfLink(double ?? single ?? "");
    if (userId === undefined) return [];
    const inside = own.slice(index + tag.length, index + tag.length + BOUNDS.label.max);
    const end = inside.search(/<\/a\s*>/i);
    return [{ userId, label: end < 0 ? "" : textOf(inside.slice(0, end)) }];
  });
}

/** Removes quotations and code, nested ones too. */
function withoutElements(html: string): string {
  let [kept, at, depth] = ["", 0, 0];
  for (const { 0: tag, 1: slash, index } of html.matchAll(QUOTED)) {
    if (depth === 0) kept += html.slice(at, index);
    depth = slash ? Math.max(depth - 1, 0) : depth + 1;
    at = index + tag.length;
  }
  return depth === 0 ? kept + html.slice(at) : kept;
}

function withoutProfile(html: string): string {
  const found = PROFILE.exec(html);
  if (!found) return html;
  const close = `</${found[1] ?? ""}>`.toLowerCase();
  const end = html.toLowerCase().indexOf(close, found.index + found[0].length);
  return end < 0 ? html : html.slice(0, found.index) + html.slice(end + close.length);
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** The text of a little HTML: without tags, and with the characters that entities stand for. */
export const textOf = (html: string): string =>
  html
    .replace(/<[^<>]*>/g, "")
    .replace(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|([a-z]{2,6}));/gi, (entity, hex, decimal, name) => {
      if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? entity;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10_ff_ff ? String.fromCodePoint(code) : entity;
    });

/** The target of a Markdown link to a user, from the end of its label on. */
const USER_HREF = String.raw`(?:https?:\/\/(?:www\.)?matrix\.to\/#\/(?:@|%40)|matrix:u(?:ser)?\/)[^\s<>()]+`;
const TARGET = new RegExp(String.raw`\]\([ \t]*<?(${USER_HREF})>?(?:[ \t]+"[^"\n]{0,200}")?[ \t]*\)`, "gi");
const MAY_LINK = /\]\([ \t]*<?(?:https?:\/\/(?:www\.)?matrix\.to|matrix:u)/i;

/**
 * A body with the labels of its Markdown links to users in place of these links, as clients with pills write it. Links in
 * code stay as they are.
 */
export function withoutUserLinks(body: string): { text: string; links: UserLink[] } {
  const head = body.slice(0, BOUNDS.mentionText.max);
  if (!MAY_LINK.test(head)) return { text: body, links: [] };
  const seen = codeBlanked(head);
  const links: UserLink[] = [];
  let [text, at] = ["", 0];
  for (const { 0: target, 1: href = "", index } of seen.matchAll(TARGET)) {
    const userId = userOfLink(href);
    const start = labelStart(seen, at, index);
    if (userId === undefined || start === undefined) continue;
    const label = body.slice(start + 1, index).replace(/\\([!-/:-@[-`{-~])/g, "$1");
    if (links.length < BOUNDS.mentionsRead.max) links.push({ userId, label });
    text += body.slice(at, start) + label;
    at = index + target.length;
  }
  return { text: text + body.slice(at), links };
}

/** Where the bracket stands that opens the label which ends at `end`; brackets within the label are in pairs. */
function labelStart(text: string, from: number, end: number): number | undefined {
  let depth = 1;
  for (let at = end - 1; at >= Math.max(from, end - BOUNDS.label.max); at--) {
    const character = text[at];
    if (character === "\n") return undefined;
    if ((character !== "[" && character !== "]") || text[at - 1] === "\\") continue;
    depth += character === "]" ? 1 : -1;
    if (depth === 0) return at;
  }
  return undefined;
}
