/**
 * Why an event was answered or not, in sentences: what happened, and which setting to change. With evidence they name the
 * numbers and patterns that decided.
 */
import { cutEntry, type Evidence, type EvidenceFor, type Grounds } from "../gate/evidence.ts";
import { type CommandReason, isCommandReason, type OtherReason, type Reason } from "../gate/reasons.ts";
import { CREATOR_POWER } from "../protocol/room-state.ts";
import { codeSpan } from "./code-span.ts";

type OwnReason = Exclude<Reason, CommandReason>;
type Sentences = {
  [R in OwnReason]: (agent: string, evidence: EvidenceFor[R] | undefined, aliases: AliasMeanings) => string;
};

/** What the aliases of the configuration mean now, seen from a room; those of other rooms are left out. */
export type AliasMeanings = ReadonlyMap<string, "here" | "no room">;

export function aliasMeanings(
  known: readonly { alias: string; roomId?: string | undefined }[],
  here: string,
): AliasMeanings {
  const meanings = new Map<string, "here" | "no room">();
  for (const { alias, roomId } of known) {
    if (roomId === undefined || roomId === here) meanings.set(cutEntry(alias), roomId === here ? "here" : "no room");
  }
  return meanings;
}

/** True for verdicts whose sentence says what aliases mean now. */
export const saysAliases = (reason: unknown): boolean => reason === "room_not_allowed";

/** `evidence` is undefined for rows of older versions; `agent` is the agent the verdict is about. */
const SENTENCES: Sentences = {
  own_event: (agent) => `One of our own users sent it. To let agents answer each other, set \`bots\` for ${agent}.`,
  bot: (agent, evidence) =>
    `A bot sent it${botSign(evidence)}, and ${agent} does not answer bots here${setting("bots", evidence?.bots)}. Set \`bots\` to \`mentions\` or \`true\`.`,
  hop_limit: (_agent, evidence) =>
    `Agents have answered each other too many times in a row${evidence ? ` (${evidence.hop}, the limit is ${evidence.limit})` : ""}; a person has to speak first. Raise \`hops\`.`,
  pair_guard: (agent, evidence) =>
    `The sender woke ${agent} ${evidence?.events ?? 20} times within a minute, as a bot or without a mention, and is ignored for ${evidence ? `another ${duration(evidence.restMs)}` : "a minute"}. Set \`bots: false\`, or add the sender to \`ignore\`.`,
  echo: (_agent, evidence) =>
    `It repeats an agent's message, as another bridge's ghost does${evidence ? `: it has ${ECHO[evidence.by]}` : ""}. Add that bridge's ghosts to \`ignore\`.`,
  soft_failed: () => "The homeserver keeps it from clients: it failed the room's rules or a policy server's.",
  muted: () => "The room is muted. Say `!unmute`, or set `muted: false` for the room.",
  ignored_sender: (agent, evidence) =>
    `${agent} ignores the sender${evidence ? `: \`${evidence.entry}\` matches` : ""}. Change \`ignore\`.`,
  not_permitted: (agent, evidence) =>
    `The sender is not among the users ${agent} may talk to${setting("dm", evidence?.dm)}. Add them to \`users\`, or say \`!allow\`.`,
  power_too_low: (agent, evidence) =>
    `The sender's power level in this room is too low for ${agent}${evidence ? `: it needs power ${evidence.needed}, has ${evidence.has}` : ""}. Lower \`power\`, or give the sender a higher level.`,
  dm_disabled: (agent) => `${agent} does not answer in direct chats. Change \`dm\`.`,
  rooms_disabled: (agent) => `${agent} answers in direct chats only. Change \`rooms\`.`,
  room_not_allowed: (agent, evidence, aliases) => {
    const listed = evidence?.entries ?? [];
    if (listed.some((entry) => aliases.get(entry) === "here"))
      return `This room was not among those ${agent} answers in when it came: its alias was given to it later. Say it again.`;
    return `This room is not among those ${agent} answers in${evidence ? `: ${roomsOf(evidence, aliases)}` : ""}. ${listed.some((entry) => aliases.has(entry)) ? "Give the room that alias, or add its id" : "Add it"} to \`allowedRooms\`.`;
  },
  asker_unknown: (agent) =>
    `An agent sent it, and it is not known any more for whom. ${agent} answers agents only for people it may talk to; ask it yourself.`,
  asker_not_permitted: (agent, evidence) =>
    `An agent sent it for ${evidence ? codeSpan(evidence.asker) : "a person"}, and ${agent} answers agents only for people it may talk to here. Add them to \`users\`, or say \`!allow\`.`,
  may_not_speak: (agent, evidence) =>
    `${agent} may not send messages in this room${evidence ? `: that needs power ${evidence.needed}, and it has ${powerText(evidence.has)}` : ""}, so it was not asked. Give it a higher power level, or lower the one for messages.`,
  not_addressed: () =>
    "It addresses no agent: not by a mention, a reply, a direct chat or a thread. Mention the agent, or set `mention: false` for the room.",
  no_agent: () => "No agent is in the room.",
  unknown_agent: () => "There is no agent with this name. `troupe agent add` makes one.",
  invites_off: (agent) => `${agent} accepts no invitations. Change \`invites\`.`,
  not_invited_by_user: (agent) =>
    `${agent} accepts invitations of its own users only. Add the inviter to \`users\`, or change \`invites\`.`,
  not_on_invite_list: (agent, evidence) =>
    `Neither the room nor the inviter is on ${agent}'s list${evidence ? `, which has ${count(evidence.entries, "entry", "entries")}` : ""}. Add one of them to \`inviteFrom\`.`,
  command_too_old: (_agent, evidence) =>
    `A command that arrived too late to be obeyed${evidence ? `: it ${tooOld(evidence)}` : ""}. Say it again.`,
  command_not_permitted: (agent, evidence) =>
    `The sender may not use this command with ${agent}${evidence ? `: \`${evidence.command}\` is for ${listed(evidence)}, and the sender's power here is ${powerText(evidence.power)}` : ""}. Change \`commands\`, or add the sender to \`admins\`.`,
  membership: () => "A membership change: nothing to answer.",
  state: () => "A change of the room's state: it was noted, there is nothing to answer.",
  encrypted: () => "It is encrypted, and we have no keys to read it. Use a room without encryption.",
  edit: () => "It edits an earlier message; edits are not answered.",
  notice: () => "It is a notice: bots send those, and they are not answered.",
  verification: () => "It belongs to the verification of a device.",
  no_text: () => "It has no text.",
  not_a_message: () => "It is not a message.",
  wake_mention: (agent, evidence) =>
    `${agent} was mentioned and has been asked${evidence ? `: its pattern \`${evidence.pattern}\` matches` : ""}.`,
  wake_reply: (agent) => `It replies to ${agent}, which has been asked.`,
  wake_direct: (agent) => `It was sent in a direct chat with ${agent}, which has been asked.`,
  wake_thread: (agent) => `It is in a thread with ${agent}, which has been asked.`,
  wake_listening: (agent) => `${agent} answers every message here, and has been asked.`,
  too_many_turns: (_agent, evidence) =>
    `Too many messages ${evidence ? `${CROWD[evidence.of]} ` : ""}wait for an answer${evidence ? ` (${evidence.open}, the limit is ${evidence.limit})` : ""}, so it was dropped. Say it again later.`,
  queue_full: (agent, evidence) =>
    `Too many messages of this conversation wait for ${agent}${evidence ? ` (${evidence.waiting}, the limit is ${evidence.limit})` : ""}, so it was dropped. \`turns.queue\` is the limit.`,
  too_old: (agent, evidence) =>
    `It arrived too late to be answered${evidence ? `: it ${tooOld(evidence)}` : ""}. ${agent} sees it as context of its next answer. \`turns.eventAge\` is the limit.`,
  join: (agent) => `It invited ${agent}, which has joined.`,
  join_failed: (agent, evidence) =>
    `It invited ${agent}, but the homeserver refused the join${failure(evidence)}. The log has the details.`,
  stop: () => "It stopped a running answer.",
  redaction: () => "It redacted a message.",
  pair: (agent) =>
    `${agent} does not know the sender, who was given a code; \`!pair <code>\` or \`troupe pair approve <code>\` lets them in.`,
  follow: () => "The room was replaced. Its agents went to the new one, where they may join without an invitation.",
  given_up: (_agent, evidence) =>
    `It was given up because ${whatFailed(evidence)}${times(evidence?.failures)}. A dead letter has the details.`,
  command_limit: (_agent, evidence) =>
    `The sender used too many commands${evidence ? `; the limit is ${evidence.perMinute} in a minute` : " in a minute"}.`,
  unreadable: () => "It was stored, but what is stored cannot be read any more. A dead letter has what is left of it.",
  no_direct_chat: (agent) =>
    `${agent} was in a direct chat, and somebody else joined. None of those who are there may bring it to a room, so it has left.`,
  invite_limit: (agent, evidence) =>
    `${evidence?.server === undefined ? "The inviter" : `The users of ${codeSpan(evidence.server)}`} had enough invitations accepted${evidence ? ` in the last hour (${evidence.anHour})` : ""}, so ${agent} did not join. Invite it again later; \`INVITATIONS_PER_HOUR\` is the limit.`,
  account_limit: (agent, evidence) =>
    `Enough members of ${evidence?.of === "family" ? "its family" : "all families"} were made${evidence ? ` in the last hour (${evidence.anHour})` : ""}, so ${agent} was not made. Invite it again later; \`${evidence?.of === "family" ? "FAMILY_ACCOUNTS_PER_HOUR" : "ACCOUNTS_PER_HOUR"}\` is the limit.`,
  family_full: (agent, evidence) =>
    `The family of ${agent} has as many members as it may have${evidence ? ` (${evidence.limit})` : ""}. \`FAMILY_MEMBERS\` is the limit.`,
  depart: () => "Only our own users were left in the room, so its agents have left.",
};

/** A verdict in a sentence or two. `about` is the agent it is about. */
export function explain(grounds: Grounds, about: string | undefined, aliases: AliasMeanings = NO_ALIASES): string {
  const { reason, evidence } = grounds;
  if (isCommandReason(reason)) return "A command. The answer to it shows its result.";
  return sentence(reason, about ?? "the agent", evidence, aliases);
}

const NO_ALIASES: AliasMeanings = new Map();

/** A stored verdict in a sentence or two, whichever version stored it. */
export function explainStored(
  reason: Reason | OtherReason,
  evidence: Evidence,
  about: string | undefined,
  aliases?: AliasMeanings,
): string {
  if (typeof reason !== "string") return `This is the verdict of another version of Troupe: ${reason.other}.`;
  return explain({ reason, evidence }, about, aliases);
}

const sentence = <R extends OwnReason>(
  reason: R,
  agent: string,
  evidence: EvidenceFor[R] | undefined,
  aliases: AliasMeanings,
): string => SENTENCES[reason](agent, evidence, aliases);

const CROWD = { sender: "of the sender", room: "of this room", all: "of all rooms" } as const;
const ECHO = { mark: "the mark of one of our messages", words: "the same words" } as const;

const setting = (name: string, value: unknown): string =>
  value === undefined ? "" : ` (\`${name}\` is \`${String(value)}\`)`;

function botSign(evidence: EvidenceFor["bot"] | undefined): string {
  if (evidence?.entry !== undefined) return ` (\`botUsers\` has \`${evidence.entry}\`)`;
  return evidence?.marker === undefined ? "" : ` (it has the bots' key \`${evidence.marker}\`)`;
}

function tooOld({ ageMs, limitMs }: EvidenceFor["too_old"]): string {
  const [age, limit] = [duration(ageMs), duration(limitMs)];
  return age === limit ? `was just over the limit of ${limit}` : `was ${age} old, the limit is ${limit}`;
}

const failure = (evidence: EvidenceFor["join_failed"] | undefined): string =>
  evidence === undefined ? "" : ` (${[evidence.status || "no answer", evidence.errcode].join(" ")})`;

function whatFailed({ status, errcode }: EvidenceFor["given_up"] = {}): string {
  if (status === undefined || errcode === undefined) return "handling it failed";
  return `a request to the homeserver failed${failure({ status, errcode })}`;
}

const times = (failures = 1): string => (failures > 1 ? ` ${failures} times` : "");

type Entries = EvidenceFor["room_not_allowed"];

/** Aliases that mean no room yet are told from entries that mean other rooms. */
function roomsOf({ entries, more }: Entries, aliases: AliasMeanings): string {
  const unknown = entries.filter((entry) => aliases.get(entry) === "no room");
  const others = entries.filter((entry) => !unknown.includes(entry));
  const told = unknown.map((entry) => `\`${entry}\` means no room yet`);
  return [...(others.length > 0 || told.length === 0 ? [otherRooms({ entries: others, more })] : []), ...told].join(
    "; ",
  );
}

function otherRooms({ entries, more }: Entries): string {
  if (entries.length === 0) return "`allowedRooms` is empty";
  const verb = entries.length + more === 1 ? "means" : "mean";
  return `${listed({ entries, more })} ${verb} ${verb === "means" ? "another room" : "other rooms"}, or none`;
}

function listed({ entries, more }: Entries): string {
  if (entries.length === 0) return "no user";
  const names = entries.map((entry) => `\`${entry}\``).join(", ");
  return more > 0 ? `${names} and ${more} more` : names;
}

const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;

/** A power level, or the creator's, which is above every level. */
export const powerText = (power: number): string =>
  power === CREATOR_POWER ? "that of the room's creator" : String(power);

/** A time in its largest unit, rounded down. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 120) return count(seconds, "second", "seconds");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return count(minutes, "minute", "minutes");
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? count(hours, "hour", "hours") : count(Math.floor(hours / 24), "day", "days");
}
