/**
 * Profiles of single messages: a relay or a client says by them under which name a message is to be shown. For clients that
 * do not know them the body begins with that name. The name is no sender: who sent the event decides who may ask.
 *
 * @see https://github.com/matrix-org/matrix-spec-proposals/pull/4144
 */
import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { htmlIn, textOf } from "./links.ts";
import { behind, readable } from "./readable.ts";

const PROFILE_KEYS = ["m.per_message_profile", "com.beeper.per_message_profile"];
const Profile = z.object({
  displayname: z.string().optional().catch(undefined),
  has_fallback: z.boolean().optional().catch(undefined),
});

/** The fallback in the HTML; an element before it may be a paragraph. */
const FALLBACK = /<([a-z]{1,10})\s[^<>]{0,200}\bdata-mx-profile-fallback\b[^<>]{0,200}>([^<]{1,1000})<\/\1\s*>/i;

/**
 * The text behind the name of the event's profile. Undefined where the event does not say that its text begins with such a
 * name, or where it begins otherwise.
 */
export function withoutProfileName(text: string, content: RoomEvent["content"]): string | undefined {
  const key = PROFILE_KEYS.find((one) => Object.hasOwn(content, one));
  const profile = key === undefined ? undefined : Profile.safeParse(content[key]).data;
  if (!profile) return undefined;
  const { displayname, has_fallback: hasFallback } = profile;
  const marked = fallbackIn(content);
  const names = [...(hasFallback === true ? [displayname, displayname?.trim()] : []), marked];
  for (const name of names) {
    const rest = name && name.length <= BOUNDS.name.max ? behindName(text.trimStart(), readable(name)) : undefined;
    if (rest !== undefined) return rest;
  }
  return undefined;
}

/** The forms in which relays write the name: `name: `, `**name**: `, `<name> `, `[name] `. */
const FORMS: readonly [before: string, after: RegExp][] = [
  ["", /^\s*[:：]\s*/],
  ["**", /^(?:\*\*\s*[:：]|[:：]\*\*)\s*/],
  ["<", /^>\s*[:：]?\s*/],
  ["[", /^\]\s*[:：]?\s*/],
];

function behindName(text: string, name: string): string | undefined {
  for (const [before, after] of FORMS) {
    const rest = behind(text, before + name);
    const end = rest?.match(after)?.[0];
    if (rest !== undefined && end !== undefined) return rest.slice(end.length);
  }
  return undefined;
}

function fallbackIn(content: RoomEvent["content"]): string | undefined {
  const [, , inside] = htmlIn(content)?.slice(0, BOUNDS.mentionText.max).match(FALLBACK) ?? [];
  return inside === undefined ? undefined : textOf(inside).replace(/\s*[:：]\s*$/, "");
}
