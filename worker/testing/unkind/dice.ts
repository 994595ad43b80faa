/**
 * What may go wrong and how often, and the seeded dice that decide. A failed run can be repeated with its seed, as far
 * as the timing of the other side allows.
 */
import { mulberry32 } from "../chance.ts";

/** Chances are from 0 (never) to 1 (always). */
export interface Unkindness {
  /** The client–server calls to which the chances below apply, if they do not name sends themselves. */
  on: "sends" | "everything";
  /** A send is refused with 429, `Retry-After` and `retry_after_ms`. */
  limited: number;
  retryAfterMs: number;
  /** Refused with 500. */
  broken: number;
  /** Accepted, but answered with 502 by a proxy. */
  brokenAfter: number;
  /** The connection is closed before the call has an effect. */
  lostRequests: number;
  /** Accepted, but the connection is closed before the answer. */
  lostAnswers: number;
  /** The answer is delayed by `slowMs`. */
  slow: number;
  slowMs: number;
  /** The 200 of the appservice is lost: the same transaction is sent again. */
  unheard: number;
  /** An event is pushed again after `laterMs` in another transaction, as after a kill during a push. */
  duplicated: number;
  /** An event is pushed only after `laterMs`, behind newer ones, like a transaction that was in flight at a kill. */
  orphaned: number;
  laterMs: number;
}
export const KIND: Unkindness = {
  on: "sends",
  limited: 0,
  retryAfterMs: 1_000,
  broken: 0,
  brokenAfter: 0,
  lostRequests: 0,
  lostAnswers: 0,
  slow: 0,
  slowMs: 500,
  unheard: 0,
  duplicated: 0,
  orphaned: 0,
  laterMs: 300,
};

type Chance = { [Name in keyof Unkindness]: Unkindness[Name] extends number ? Name : never }[keyof Unkindness];

export interface Dice {
  /** A chance of 0 draws no number, so that it does not change the other results. */
  falls(name: Exclude<Chance, "retryAfterMs" | "slowMs" | "laterMs">): boolean;
  unkindness: Unkindness;
}

export function dice(seed: number, unkindness: Unkindness): Dice {
  const random = mulberry32(seed);
  const thrown: Dice = {
    unkindness,
    falls: (name) => thrown.unkindness[name] > 0 && random() < thrown.unkindness[name],
  };
  return thrown;
}

export interface Counts {
  /** Sent transactions, including retries. */
  pushes: number;
  /** Those that had been sent before. */
  retries: number;
  /** Those that were sent while another one had no answer yet. */
  concurrent: number;
  eventsPushed: number;
  userQueries: number;
  /** Requests to the client–server API. */
  requests: number;
  /** Sends and redactions that created an event. */
  sends: number;
  /** Repeated sends that were answered with the first event: from memory, or from the store of a device. */
  fromMemory: number;
  fromStore: number;
  limited: number;
  broken: number;
  lost: number;
  duplicated: number;
  orphaned: number;
  unheard: number;
}
export const noCounts = (): Counts => ({
  pushes: 0,
  retries: 0,
  concurrent: 0,
  eventsPushed: 0,
  userQueries: 0,
  requests: 0,
  sends: 0,
  fromMemory: 0,
  fromStore: 0,
  limited: 0,
  broken: 0,
  lost: 0,
  duplicated: 0,
  orphaned: 0,
  unheard: 0,
});
