/**
 * `PUT /_matrix/app/v1/transactions/{txnId}`: one atomic batch, then `200 {}`.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#put_matrixappv1transactionstxnid
 */
import type { Context } from "hono";
import { matrixError } from "#core/protocol/errcode.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import { parseTransaction } from "#core/protocol/transaction.ts";
import { roomLane } from "#core/turn/lane.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { DeadLetter } from "#ports/operator.ts";

interface Needs {
  ledger: Ledger;
  doorbell: Doorbell;
  clock: Clock;
  log: Log;
  onDoubt: () => Promise<void>;
}

/** The homeserver waits for the ring no longer than this: a lost ring costs a sweep, a slow answer costs events. */
const RING_MS_MAX = 250;

export function transactions({ ledger, doorbell, clock, log, onDoubt }: Needs) {
  let latest = 0;
  return async (c: Context): Promise<Response> => {
    const body = parseJson(await c.req.text());
    if (body === undefined) return refuse(c, "M_NOT_JSON", "The body is not JSON");
    const parsed = parseTransaction(body);
    if (!parsed.ok) return refuse(c, "M_BAD_JSON", "The body has no list of events");

    const { events, unreadable } = parsed.value;
    const deadLetters = unreadable.map(({ index, path, raw }): DeadLetter => {
      const reason = `Event ${index} of a transaction could not be read${path ? `: ${path}` : ""}`;
      log("dead_letter", { kind: "event", reason });
      return { kind: "event", reason, raw };
    });
    const transactionId = c.req.param("txnId") ?? "";
    const rooms = await ledger.accept({ transactionId, events, deadLetters, nowMs: clock.now() });
    // Synapse on SQLite counts from 1 again after a restart, in which it may have lost what was queued.
    if (Number(transactionId) < latest) await onDoubt();
    latest = Number(transactionId) || latest;
    log("transaction", { id: transactionId, events: events.length, unreadable: unreadable.length });
    // After the write: if the ring is lost the sweep makes it good. Before it, a crash would lose the events.
    await ring(rooms);
    return c.json({});
  };

  async function ring(rooms: readonly RoomId[]): Promise<void> {
    if (rooms.length === 0) return;
    const lanes = rooms.map(roomLane);
    const over = new AbortController();
    const rung = doorbell.ring(lanes).catch((error: unknown) => {
      log("lane_failed", { lanes, error: error instanceof Error ? error.message : String(error) });
    });
    await Promise.race([rung, clock.sleep(RING_MS_MAX, over.signal)]);
    over.abort("over");
  }
}

const refuse = (c: Context, errcode: "M_NOT_JSON" | "M_BAD_JSON", sentence: string): Response => {
  const { status, body } = matrixError(errcode, sentence);
  return c.json(body, status);
};

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON value is undefined, so this says just that.
    return undefined;
  }
}
