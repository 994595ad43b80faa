/**
 * The users a reply mentions: those whose user id it names outside of code. Each user is
 * mentioned once, in the first part that names them. Display names and `@room` mention no user.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#user-and-room-mentions
 */
import { BOUNDS } from "#core/bounds.ts";
import { namedIn } from "#core/message/mention.ts";
import type { UserId } from "#core/protocol/ids.ts";

/** Gives the users that each part of a reply mentions, asked part by part; never `self`. */
export function mentionsOnce(self: UserId): (part: string) => UserId[] {
  const mentioned = new Set<UserId>();
  return (part) => {
    const fresh = namedIn(part).filter((userId) => userId !== self && !mentioned.has(userId));
    const users = fresh.slice(0, BOUNDS.mentionsSent.max - mentioned.size);
    for (const userId of users) mentioned.add(userId);
    return users;
  };
}
