/** The agents a message addresses, and how it addresses them. */
import { BOUNDS } from "../bounds.ts";
import { patternOf } from "../configuration/settings.ts";
import { withoutCode } from "../message/code.ts";
import { type Addressed, openerOf } from "../message/mention.ts";
import type { Message } from "../message/message.ts";
import { plain } from "../message/readable.ts";
import { type Concerned, type Facts, isDirect } from "./facts.ts";
import type { Because } from "./reasons.ts";

export interface Addressee {
  concerned: Concerned;
  because: Because;
  /** The pattern of the agent's that matched, where one did. */
  pattern?: string;
}

/**
 * The first of these that names an agent: a mention, a reply, a direct chat, a thread that an agent holds, an agent that
 * listens to everything. If a message mentions only other users, listening agents stay silent.
 */
export function addressees(message: Message, facts: Facts): Addressee[] {
  const { present } = facts;
  const { addressed, relations } = message;
  const mentioned = mentionedBy(message, present);
  if (mentioned.length > 0) return mentioned;
  const { text: free } = addressed;
  const opensWith = free === undefined ? () => false : openerOf(free);
  const named = present.filter(({ agent }) => opensWith(agent.name));
  if (named.length > 0) return because("mention", named);
  const author = present.filter(({ agent }) => agent.id === facts.repliedAgent);
  if (relations.repliedTo && author.length > 0) return because("reply", author);
  const direct = present.filter((one) => isDirect(one, facts.room));
  if (direct.length > 0) return because("direct", direct);
  if (addressed.users.length > 0) return [];
  // The first message of a thread below an agent's message is for that agent.
  const isFirst = relations.threadRoot !== undefined && !facts.thread && !facts.sender.isOurs;
  const starting = isFirst ? author.filter(({ agent }) => agent.settings.sticky > 0) : [];
  const holding = [...starting, ...present.filter((one) => holds(one, message, facts))];
  if (holding.length > 0) return because("thread", holding);
  return because(
    "listening",
    present.filter(({ agent }) => !agent.settings.mention),
  );
}

const because = (reason: Because, concerned: readonly Concerned[]): Addressee[] =>
  concerned.map((one) => ({ concerned: one, because: reason }));

function mentionedBy({ addressed, text }: Message, present: readonly Concerned[]): Addressee[] {
  const patterns = new Set(present.flatMap(({ agent }) => agent.settings.patterns));
  const texts = patterns.size > 0 ? searchedFor(text, patterns.size) : [];
  const found = once((pattern: string) => texts.some((one) => patternOf(pattern).matcher(one).find()));
  return present.flatMap((concerned): Addressee[] => {
    if (isMentioned(concerned, addressed)) return [{ concerned, because: "mention" }];
    const pattern = concerned.agent.settings.patterns.find(found);
    return pattern === undefined ? [] : [{ concerned, because: "mention", pattern }];
  });
}

/** The text outside of code as it was written, and in plain characters where that differs; so much that the search is bounded. */
function searchedFor(text: string, patterns: number): string[] {
  const written = withoutCode(text.slice(0, BOUNDS.patternText.max));
  const texts = [...new Set([written, plain(written)])];
  const length = Math.min(BOUNDS.patternText.max, Math.floor(BOUNDS.patternSteps.max / patterns / texts.length));
  return texts.map((one) => one.slice(0, length));
}

/** Agents often have the same patterns. */
function once(find: (pattern: string) => boolean): (pattern: string) => boolean {
  const known = new Map<string, boolean>();
  return (pattern) => {
    const is = known.get(pattern) ?? find(pattern);
    known.set(pattern, is);
    return is;
  };
}

const isMentioned = ({ agent, userId }: Concerned, { users, room }: Addressed): boolean =>
  users.includes(userId) || (room && agent.settings.atRoom);

const HOUR_MS = 3_600_000;

/** In the thread of one agent and one user, that user's messages need no mention for `sticky` hours. */
function holds({ agent }: Concerned, { event, relations }: Message, { thread, nowMs, sender }: Facts): boolean {
  if (!thread || thread.shared || relations.threadRoot === undefined || sender.isOurs) return false;
  const { sticky } = agent.settings;
  return thread.agent === agent.id && thread.holder === event.sender && nowMs - thread.atMs < sticky * HOUR_MS;
}
