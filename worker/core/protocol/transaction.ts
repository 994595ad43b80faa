/**
 * `PUT /_matrix/app/v1/transactions/{txnId}`
 *
 * The envelope is strict, its events are lenient. A homeserver repeats a refused transaction until it is taken and
 * queues everything else behind it, so one odd event must never fail the batch.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#put_matrixappv1transactionstxnid
 */
import * as z from "zod/v4";
import { err, ok, type Result } from "../result.ts";
import { RoomEvent } from "./event.ts";

const Envelope = z.object({
  events: z.array(z.unknown()),
  ephemeral: z.array(z.unknown()).optional().catch(undefined),
  "de.sorunome.msc2409.ephemeral": z.array(z.unknown()).optional().catch(undefined),
});

export interface Unreadable {
  index: number;
  /** Where in the event it went wrong. */
  path: string;
  raw: string;
}

export interface Transaction {
  events: RoomEvent[];
  unreadable: Unreadable[];
  ephemeral: unknown[];
}

export function parseTransaction(body: unknown): Result<Transaction, { reason: "not_a_transaction" }> {
  const envelope = Envelope.safeParse(body);
  if (!envelope.success) return err({ reason: "not_a_transaction" });
  const { data } = envelope;
  // A homeserver that was asked for both spellings sends the same twice.
  const transaction: Transaction = {
    events: [],
    unreadable: [],
    ephemeral: data.ephemeral ?? data["de.sorunome.msc2409.ephemeral"] ?? [],
  };
  for (const [index, raw] of data.events.entries()) {
    const event = RoomEvent.safeParse(raw);
    if (event.success) transaction.events.push(event.data);
    else
      transaction.unreadable.push({
        index,
        path: event.error.issues[0]?.path.join(".") ?? "",
        raw: JSON.stringify(raw),
      });
  }
  return ok(transaction);
}
