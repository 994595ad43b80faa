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
import { isContainer } from "./json.ts";

const Envelope = z.object({ events: z.array(z.unknown()) });

export interface Unreadable {
  /** Its place in the transaction. */
  index: number;
  /** The path of the invalid field, or a complaint about the whole event. */
  path: string;
  raw: string;
}

/** Events of a transaction that were read one after the other. */
export interface Slice {
  events: RoomEvent[];
  /** Those that could not be read. */
  unreadable: Unreadable[];
  /** Where the next slice begins. */
  end: number;
}

/** The events of a transaction, as they came. Fails only when the body has no list of events. */
export function eventsIn(body: unknown): Result<unknown[], { reason: "not_a_transaction" }> {
  const envelope = Envelope.safeParse(body);
  return envelope.success ? ok(envelope.data.events) : err({ reason: "not_a_transaction" });
}

/** Reads the events from `start` on, as many as are read and stored in one go: about `sizeMax` characters. */
export function readSlice(raws: readonly unknown[], start: number, sizeMax: number = BOUNDS.sliceSize.max): Slice {
  const slice: Slice = { events: [], unreadable: [], end: start };
  let size = 0;
  for (const raw of raws.slice(start, start + BOUNDS.eventsInASlice.max)) {
    if (size > sizeMax) break;
    const measured = measure(raw);
    const event = typeof measured === "string" ? err({ path: measured, raw: headOf(raw) }) : read(raw);
    if (event.ok) slice.events.push(event.value);
    else slice.unreadable.push({ index: slice.end, ...event.error });
    size += typeof measured === "string" ? 0 : measured;
    slice.end++;
  }
  return slice;
}

function read(raw: unknown): Result<RoomEvent, Omit<Unreadable, "index">> {
  const event = RoomEvent.safeParse(raw);
  if (event.success) return ok(event.data);
  return err({ path: event.error.issues[0]?.path.join(".") ?? "", raw: JSON.stringify(raw) });
}

/** The length of an event in characters, about; a complaint where it is too long or too deep to be worked with. */
function measure(raw: unknown): number | string {
  let size = 0;
  // Iterative: recursion would overflow on such an input.
  let level = [raw].filter(isContainer);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === BOUNDS.eventDepth.max) return "it is nested too deeply";
    const below: object[] = [];
    for (const container of level) {
      size += lengthOf(container, below);
      if (size > BOUNDS.eventSize.max) return "it is too large";
    }
    level = below;
  }
  return size;
}

/** The length of an object or a list, about, without what is nested in it, which is added to `below`. */
function lengthOf(container: object, below: object[]): number {
  let length = 0;
  for (const [key, value] of Object.entries(container)) {
    length += key.length + (typeof value === "string" ? value.length : 1) + PUNCTUATION;
    if (isContainer(value)) below.push(value);
  }
  return length;
}

/** The characters around a key and its value: quotes, colon, comma. */
const PUNCTUATION = 6;

/** What tells one event from another, for an event that is too large or too deep to be kept. */
function headOf(raw: unknown): string {
  const given: Record<string, unknown> = isContainer(raw) ? { ...raw } : {};
  const head = HEAD.flatMap((key) => {
    const value = given[key];
    return typeof value === "string" ? [[key, value.slice(0, BOUNDS.id.max)]] : [];
  });
  return JSON.stringify({ ...Object.fromEntries(head), content: "…" });
}

const HEAD = ["event_id", "room_id", "sender", "type", "state_key"];
