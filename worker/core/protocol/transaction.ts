/**
 * `PUT /_matrix/app/v1/transactions/{txnId}`
 *
 * The envelope is strict, its events are lenient. A homeserver repeats a refused transaction until it is accepted and
 * queues everything else behind it, so one odd event must never fail the batch.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#put_matrixappv1transactionstxnid
 */

import * as z from "zod/v4";
import { BOUNDS } from "../bounds.ts";
import { err, ok, type Result } from "../result.ts";
import { RoomEvent } from "./event.ts";

const Envelope = z.object({ events: z.array(z.unknown()) });

export interface Unreadable {
  index: number;
  /** The path of the invalid field, or a complaint about the whole event. */
  path: string;
  raw: string;
}

export interface Transaction {
  events: RoomEvent[];
  unreadable: Unreadable[];
}

/** Fails only when the body has no list of events. Events that cannot be read are listed as `unreadable`. */
export function parseTransaction(body: unknown): Result<Transaction, { reason: "not_a_transaction" }> {
  const envelope = Envelope.safeParse(body);
  if (!envelope.success) return err({ reason: "not_a_transaction" });
  const transaction: Transaction = { events: [], unreadable: [] };
  for (const [index, raw] of envelope.data.events.entries()) {
    const event = read(raw);
    if (event.ok) transaction.events.push(event.value);
    else transaction.unreadable.push({ index, ...event.error });
  }
  return ok(transaction);
}

function read(raw: unknown): Result<RoomEvent, Omit<Unreadable, "index">> {
  if (isDeeper(raw, BOUNDS.eventDepth.max)) {
    return err({ path: "it is nested too deeply", raw: JSON.stringify(cutBelow(raw, BOUNDS.eventDepth.max)) });
  }
  const event = RoomEvent.safeParse(raw);
  if (event.success) return ok(event.data);
  return err({ path: event.error.issues[0]?.path.join(".") ?? "", raw: JSON.stringify(raw) });
}

/** True when arrays and objects are nested deeper than `depthMax`. Iterative: recursion would overflow on such an input. */
function isDeeper(value: unknown, depthMax: number): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === depthMax) return true;
    level = level.flatMap((container): unknown[] => Object.values(container)).filter(isContainer);
  }
  return false;
}

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The value with an ellipsis in place of everything deeper. */
function cutBelow(value: unknown, depthMax: number): unknown {
  if (!isContainer(value)) return value;
  if (depthMax === 0) return "…";
  if (Array.isArray(value)) return value.map((one) => cutBelow(one, depthMax - 1));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, cutBelow(one, depthMax - 1)]));
}
