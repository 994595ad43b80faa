/** A bound: how much of something there may be, counted in what, and why. */

export const KIB = 1_024;
export const MIB = 1_024 * KIB;
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;

/** What a bound counts. */
export type Unit =
  | "bytes"
  | "characters"
  | "levels"
  | "milliseconds"
  | "a minute"
  | "an hour"
  | "agents"
  | "attempts"
  | "calls"
  | "edits"
  | "entries"
  | "events"
  | "lanes"
  | "messages"
  | "pages"
  | "requests"
  | "rooms"
  | "rows"
  | "tokens"
  | "turns"
  | "users";

export interface Bound {
  readonly max: number;
  readonly unit: Unit;
  /** Why it has this size: a sentence. */
  readonly because: string;
  /** The environment variable or the agent's key that changes it. */
  readonly setting?: string;
}
