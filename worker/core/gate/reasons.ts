/**
 * The closed list of reasons: each verdict is stored under one of them (column `events.verdict`). The sentence for each
 * stands in `core/strings/reasons.ts`. A stored word never changes its meaning; new ones may be added.
 */
import * as z from "zod/v4";
import { COMMAND_NAMES, type CommandName } from "../message/command.ts";

/** Why an event wakes no agent and has no other effect. */
const IGNORE_REASONS = [
  "own_event",
  "bot",
  "hop_limit",
  "pair_guard",
  "echo",
  "soft_failed",
  "muted",
  "ignored_sender",
  "not_permitted",
  "power_too_low",
  "dm_disabled",
  "rooms_disabled",
  "room_not_allowed",
  "asker_unknown",
  "asker_not_permitted",
  "may_not_speak",
  "not_addressed",
  "no_agent",
  "unknown_agent",
  "invites_off",
  "not_invited_by_user",
  "not_on_invite_list",
  "command_too_old",
  "command_not_permitted",
  "membership",
  "state",
  "encrypted",
  "edit",
  "notice",
  "verification",
  "no_text",
  "not_a_message",
] as const;
export type IgnoreReason = (typeof IGNORE_REASONS)[number];

/** Why an event had an effect, other than waking agents or obeying a command. */
const ACTION_REASONS = [
  "queue_full",
  "too_many_turns",
  "too_old",
  "join",
  "join_failed",
  "stop",
  "redaction",
  "pair",
  "follow",
  "given_up",
  "command_limit",
  "depart",
  "unreadable",
  "no_direct_chat",
  "invite_limit",
  "account_limit",
  "family_full",
] as const;

/** Why an invitation was refused, by reasons that no other event has. */
export const INVITATION_REFUSALS = [
  "unknown_agent",
  "invites_off",
  "not_invited_by_user",
  "not_on_invite_list",
  "invite_limit",
  "account_limit",
  "family_full",
] as const satisfies readonly Reason[];

/** How a message addresses an agent, the first that applies. */
const ADDRESSINGS = ["mention", "reply", "direct", "thread", "listening"] as const;
export type Because = (typeof ADDRESSINGS)[number];

type WakeReason = `wake_${Because}`;
export type CommandReason = `command_${CommandName}`;

export type Reason = IgnoreReason | (typeof ACTION_REASONS)[number] | WakeReason | CommandReason;

const COMMAND_REASONS = COMMAND_NAMES.map((name): CommandReason => `command_${name}`);
/** All reasons. */
export const REASONS: readonly Reason[] = [
  ...IGNORE_REASONS,
  ...ACTION_REASONS,
  ...ADDRESSINGS.map((because): WakeReason => `wake_${because}`),
  ...COMMAND_REASONS,
];
const Known = z.enum(REASONS);

/** A stored word that this version does not know: an older or a newer version wrote it. */
export interface OtherReason {
  other: string;
}

/** Reads a stored verdict. */
export const readReason = (word: string): Reason | OtherReason => Known.safeParse(word).data ?? { other: word };

/** The word a verdict is stored under. */
export const wordOf = (reason: Reason | OtherReason): string => (typeof reason === "string" ? reason : reason.other);

const commandReasons: ReadonlySet<string> = new Set(COMMAND_REASONS);
export const isCommandReason = (reason: Reason): reason is CommandReason => commandReasons.has(reason);

/** Verdicts that the list of a room's latest verdicts leaves out, as does its index. */
export const UNLISTED_REASONS = ["own_event", "membership", "state"] as const satisfies readonly Reason[];

/** Verdicts on messages that are shown to no agent as context. Commands are not shown either. */
export const UNQUOTED_REASONS = ["soft_failed", "echo", "ignored_sender", "pair"] as const satisfies readonly Reason[];
