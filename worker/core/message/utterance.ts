/**
 * An utterance: what one event of ours is to say, as plain values. The ledger stores it as JSON with a version; the out
 * lane renders it to a request (delivery/freeze.ts).
 */
import * as z from "zod/v4";
import { EventId, UserId } from "../protocol/ids.ts";
import { Mark } from "./mark.ts";

/** A part of a reply. Files will be further members of this union. */
export const ReplyPart = z.object({ type: z.literal("text"), markdown: z.string() });
export type ReplyPart = z.infer<typeof ReplyPart>;

const SHARED = { part: ReplyPart, mark: Mark, mentions: z.array(UserId) };

const Utterance = z.discriminatedUnion("say", [
  z.object({ say: z.literal("message"), ...SHARED, thread: EventId.optional() }),
  z.object({ say: z.literal("edit"), ...SHARED, original: EventId }),
]);
/** A new message (`thread`: in this thread), or the edit that takes the place of `original`. */
export type Utterance = z.infer<typeof Utterance>;

/** Version 1 is the first. A reader of a later version must go on reading the earlier ones. */
const Stored = z.object({ version: z.literal(1), utterance: Utterance });

export const storedUtterance = (utterance: Utterance): string =>
  JSON.stringify(Stored.parse({ version: 1, utterance }));

/** Throws when the text is not the JSON of an utterance. */
export const parseUtterance = (stored: string): Utterance => Stored.parse(JSON.parse(stored)).utterance;
