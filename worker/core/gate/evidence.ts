/**
 * Evidence: the numbers, patterns and settings that decided, kept beside the verdict so that `!why` and `troupe why` can
 * name them. Never a secret, and at most 1,000 characters of JSON.
 */

import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import { shortened } from "../message/text.ts";
import { parseJson } from "../protocol/json.ts";
import type { Reason } from "./reasons.ts";

const Age = z.object({ ageMs: z.number(), limitMs: z.number() });
const Failure = z.object({ status: z.number(), errcode: z.string() });
/** The first entries of a list of settings, and how many more there are. */
const Entries = z.object({ entries: z.array(z.string()), more: z.number() });

const EVIDENCE = {
  /** The setting, and the `botUsers` entry or the content key that shows the sender to be a bot. */
  bot: z.object({
    bots: z.union([z.boolean(), z.literal("mentions")]),
    entry: z.string().optional(),
    marker: z.string().optional(),
  }),
  hop_limit: z.object({ hop: z.number(), limit: z.number() }),
  pair_guard: z.object({ events: z.number(), restMs: z.number() }),
  /** `mark`: it bears the mark of a message of ours. `words`: it repeats an agent's recent message. */
  echo: z.object({ by: z.enum(["mark", "words"]) }),
  ignored_sender: z.object({ entry: z.string() }),
  not_permitted: z.object({ dm: z.string().optional() }),
  power_too_low: z.object({ needed: z.number(), has: z.number() }),
  /** The power that a message needs in the room, and the agent's. */
  may_not_speak: z.object({ needed: z.number(), has: z.number() }),
  room_not_allowed: Entries,
  /** The person for whom the agent asked. */
  asker_not_permitted: z.object({ asker: z.string() }),
  not_on_invite_list: z.object({ entries: z.number() }),
  command_too_old: Age,
  command_not_permitted: Entries.extend({ command: z.string(), power: z.number() }),
  wake_mention: z.object({ pattern: z.string() }),
  too_old: Age,
  /** Whose turns are too many. */
  too_many_turns: z.object({ of: z.enum(["sender", "room", "all"]), open: z.number(), limit: z.number() }),
  queue_full: z.object({ waiting: z.number(), limit: z.number() }),
  command_limit: z.object({ perMinute: z.number() }),
  invite_limit: z.object({ anHour: z.number(), server: z.string().optional() }),
  account_limit: z.object({ anHour: z.number(), of: z.enum(["family", "all"]) }),
  family_full: z.object({ limit: z.number() }),
  join_failed: Failure,
  /** `status` and `errcode` where a request to the homeserver failed. */
  given_up: Failure.partial().extend({ failures: z.number().optional() }),
} satisfies Partial<Record<Reason, z.ZodType>>;
type Schemas = typeof EVIDENCE;

/** The evidence each reason can have. */
export type EvidenceFor = { [R in Reason]: R extends keyof Schemas ? z.infer<Schemas[R]> : undefined };
export type Evidence = EvidenceFor[Reason];

/** A reason with its evidence; rows of older versions have none. */
export interface Grounds<R extends Reason = Reason> {
  reason: R;
  evidence?: EvidenceFor[R];
}

/** Makes grounds, without the key `evidence` where there is none. */
export const grounds = <R extends Reason>(reason: R, evidence?: EvidenceFor[R]): Grounds<R> =>
  evidence === undefined ? { reason } : { reason, evidence };

/** The evidence as it is stored; null where there is none, or too much of it. */
export function evidenceText(evidence: Evidence): string | null {
  const text = evidence === undefined ? null : JSON.stringify(evidence);
  return text !== null && text.length <= BOUNDS.evidence.max ? text : null;
}

/** Reads stored evidence; undefined where there is none, or where another version wrote something else. */
export function readEvidence(reason: Reason, text: string | null): Evidence {
  const schema = Object.entries(EVIDENCE).find(([name]) => name === reason)?.[1];
  return text === null ? undefined : schema?.safeParse(parseJson(text)).data;
}

/** The first entries of a list, each cut to a limited length, and how many more there are. */
export const firstEntries = (list: readonly string[]): z.infer<typeof Entries> => ({
  entries: list.slice(0, BOUNDS.evidenceEntries.max).map(cutEntry),
  more: Math.max(list.length - BOUNDS.evidenceEntries.max, 0),
});

/** An entry, cut to a limited length. */
export const cutEntry = (entry: string): string => shortened(entry, BOUNDS.evidenceEntry.max);
