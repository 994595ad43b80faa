/**
 * What may go wrong and how often, and the dice that decide: seeded, so that a run that found something can be had again
 * as far as the timing of the other side allows.
 */
import { mulberry32 } from "../chance.ts";

/** Chances are from 0 (never) to 1 (always). */
export interface Unkindness {
  /** Which client–server calls the chances below concern, where they do not say "send". */
  on: "sends" | "everything";
  /** A send is answered 429, with `Retry-After` and `retry_after_ms`, and not taken. */
  limited: number;
  retryAfterMs: number;
  /** Answered 500 and not taken. */
  broken: number;
  /** Taken, but answered 502 by the proxy in front. */
  brokenAfter: number;
  /** The connection dies before anything was done. */
  lostRequests: number;
  /** Taken, and the connection dies before the answer. */
  lostAnswers: number;
  /** The answer comes `slowMs` after it was due. */
  slow: number;
  slowMs: number;
  /** The appservice's 200 is not heard: the same transaction comes again. */
  unheard: number;
  /** An event is pushed a second time, `laterMs` on, in another transaction: what a kill while it is handed out does. */
  duplicated: number;
  /** An event is pushed only `laterMs` on, behind newer ones: what becomes of a transaction that was in flight at a kill. */
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
  /** A chance of 0 costs no throw: what is not switched on does not shift the rest. */
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
  /** Transactions that were sent off, retries included. */
  pushes: number;
  /** Of them, those with a transaction id that had been sent off before. */
  retries: number;
  /** Transactions that were sent off while another one was not answered yet. */
  concurrent: number;
  eventsPushed: number;
  userQueries: number;
  /** Requests to the client–server API. */
  requests: number;
  /** Sends and redactions that made an event. */
  sends: number;
  /** Repeated sends that were answered with the first event, from memory and from what was stored with a device. */
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
