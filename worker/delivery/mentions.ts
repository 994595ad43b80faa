/**
 * Whom a reply mentions: users it names in full outside of code, as everybody's messages are read. Each is told once,
 * however many parts the reply has; nobody is by their name alone, and never the whole room.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#user-and-room-mentions
 */
import { addressedIn } from "#core/message/mention.ts";
import type { UserId } from "#core/protocol/ids.ts";

/** Of one reply; whoever names more people than these tells nobody anything. */
const MENTIONS_MAX = 10;

/** Everybody a text names, as far as anybody's text is looked at for names. */
export const namedIn = (markdown: string): UserId[] =>
  markdown.includes("@") ? addressedIn({ msgtype: "m.text", body: markdown }).users : [];

/** Whom each part mentions. */
export function mentionsOf(parts: readonly string[], self: UserId): UserId[][] {
  const known = new Set<UserId>([self]);
  return parts.map((part) => {
    const fresh = namedIn(part).filter((userId) => !known.has(userId));
    // The agent itself is known as well.
    const told = fresh.slice(0, Math.max(MENTIONS_MAX + 1 - known.size, 0));
    for (const userId of told) known.add(userId);
    return told;
  });
}
