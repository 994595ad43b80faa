/** What a backend's server was found not to take, so that it is not sent again. */
import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import { KEPT_MS } from "../retention.ts";

export const Learnt = z.object({
  /** Parts of a request that the server refuses. */
  leftOut: z.array(z.string().max(64)).max(16),
  /** How many tokens a request may have in all, estimated; absent where the server never said that one was too long. */
  contextTokens: z.number().int().positive().optional(),
});
export type Learnt = z.infer<typeof Learnt>;

export const NOTHING_LEARNT: Learnt = { leftOut: [] };

/** As it is stored for an agent: `of` names the settings of its backend, and the model, by a digest. */
const LearntEntry = Learnt.extend({ of: z.string().max(64), atMs: z.number().int() });
/** The oldest first. */
export const LearntEntries = z.array(LearntEntry).max(BOUNDS.learntSettings.max);
export type LearntEntries = z.infer<typeof LearntEntries>;

/** Those of the last week. */
export const freshOf = (entries: LearntEntries, nowMs: number): LearntEntries =>
  entries.filter(({ atMs }) => Math.abs(nowMs - atMs) < KEPT_MS.learnt);
