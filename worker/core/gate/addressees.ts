/** Which of the agents in a room a message is addressed to, and by what. */

import { patternOf } from "../configuration/settings.ts";
import { type Addressed, addressedIn, opensWith } from "../message/mention.ts";
import { relationsOf, withoutCode } from "../message/text.ts";
import type { RoomEvent } from "../protocol/event.ts";
import { type Because, type Concerned, type Facts, isDirect } from "./facts.ts";

export interface Addressee {
  concerned: Concerned;
  because: Because;
}

/** A pattern is looked for so far and no further. */
const PATTERN_TEXT_MAX = 8_000;

/**
 * The first of these that names anybody: a mention, a reply, a thread that is one agent's, a direct chat, an agent that
 * answers everything. A mention of somebody who is no agent of ours takes the word from those that only listen.
 */
export function addressees(event: RoomEvent, content: RoomEvent["content"], text: string, facts: Facts): Addressee[] {
  const { present } = facts;
  const addressed = addressedIn(content);
  const hasPatterns = present.some(({ agent }) => agent.settings.patterns.length > 0);
  const plain = hasPatterns ? withoutCode(text.slice(0, PATTERN_TEXT_MAX)) : "";
  const mentioned = present.filter((one) => isMentioned(one, addressed, plain));
  if (mentioned.length > 0) return because("mention", mentioned);
  const { text: free } = addressed;
  const named = free === undefined ? [] : present.filter(({ agent }) => opensWith(free, agent.name));
  if (named.length > 0) return because("mention", named);
  const author = present.filter(({ agent }) => agent.id === facts.repliedAgent);
  const { repliedTo, threadRoot } = relationsOf(event);
  if (repliedTo && author.length > 0) return because("reply", author);
  const direct = present.filter((one) => isDirect(one, facts.room));
  if (direct.length > 0) return because("direct", direct);
  if (addressed.users.length > 0) return [];
  // Whoever begins a thread at an agent's message means that agent.
  const isBegun = threadRoot !== undefined && !facts.thread && !facts.sender.isOurs;
  const begun = isBegun ? author.filter(({ agent }) => agent.settings.sticky > 0) : [];
  const holding = [...begun, ...present.filter((one) => isHeld(event, facts, one))];
  if (holding.length > 0) return because("thread", holding);
  return because(
    "listening",
    present.filter(({ agent }) => !agent.settings.mention),
  );
}

const because = (reason: Because, concerned: readonly Concerned[]): Addressee[] =>
  concerned.map((one) => ({ concerned: one, because: reason }));

/** `plain` is the text without code, for the patterns. */
const isMentioned = ({ agent, userId }: Concerned, { users, room }: Addressed, plain: string): boolean =>
  users.includes(userId) ||
  (room && agent.settings.atRoom) ||
  agent.settings.patterns.some((pattern) => patternOf(pattern).matcher(plain).find());

const HOUR_MS = 3_600_000;

/** The thread of one agent and one human needs no further mention, for a time. */
function isHeld(event: RoomEvent, { thread, nowMs, sender }: Facts, { agent }: Concerned): boolean {
  if (!thread || thread.shared || relationsOf(event).threadRoot === undefined || sender.isOurs) return false;
  const { sticky } = agent.settings;
  return thread.agent === agent.id && thread.holder === event.sender && nowMs - thread.atMs < sticky * HOUR_MS;
}
