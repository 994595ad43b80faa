/**
 * `PUT /_matrix/app/v1/transactions/{txnId}`: stores the events, then answers `200 {}`.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#put_matrixappv1transactionstxnid
 */
import type { Context } from "hono";
import { BOUNDS } from "#core/bounds.ts";
import { matrixError } from "#core/protocol/errcode.ts";
import type { RoomId } from "#core/protocol/ids.ts";
import { parseJson } from "#core/protocol/json.ts";
import { eventsIn, readSlice, type Unreadable } from "#core/protocol/transaction.ts";
import { messageOf } from "#core/result.ts";
import { roomLane } from "#core/turn/lane.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Doorbell } from "#ports/lanes.ts";
import type { DeadLetter } from "#ports/operator.ts";
import type { Intake, RoomLedger } from "#ports/rooms.ts";
import { boundedText } from "../bounded-text.ts";

interface Needs {
  ledger: Pick<RoomLedger, "accept">;
  doorbell: Doorbell;
  clock: Clock;
  log: Log;
  /** The mark that is set when the homeserver may have lost events. */
  doubtMark: string;
}

/** The answer waits for the ring at most this long. A lost ring only delays work; a slow answer can lose events. */
const RING_MS_MAX = 250;

export function transactions({ ledger, doorbell, clock, log, doubtMark }: Needs) {
  return async (c: Context): Promise<Response> => {
    const body = parseJson(await textOf(c));
    if (body === undefined) return refuse(c, "M_NOT_JSON", "The body is not JSON");
    const raws = eventsIn(body);
    if (!raws.ok) return refuse(c, "M_BAD_JSON", "The body has no list of events");

    const transactionId = c.req.param("txnId") ?? "";
    // Synapse on SQLite counts from 1 again after a restart, and a restart may have lost its queue.
    const transaction = Number(transactionId);
    const counted = Number.isSafeInteger(transaction) ? { transaction, mark: doubtMark } : undefined;
    const { rooms, unreadable } = await store(raws.value, counted);
    log("transaction", { id: transactionId, events: raws.value.length, unreadable });
    // After the write: the sweep replaces a lost ring. A ring before the write could find nothing to do.
    await ring(rooms);
    return c.json({});
  };

  /** Stores the events in their order. A part that is stored when the next one fails is recognised at the repetition. */
  async function store(
    raws: readonly unknown[],
    counted: Intake["counted"],
  ): Promise<{ rooms: RoomId[]; unreadable: number }> {
    const rooms = new Set<RoomId>();
    let [start, unreadable] = [0, 0];
    do {
      if (start > 0) await clock.sleep(0);
      const slice = readSlice(raws, start);
      const { events } = slice;
      const deadLetters = slice.unreadable.map(deadLetterOf);
      const intake = { events, deadLetters, nowMs: clock.now(), ...(counted ? { counted } : {}) };
      for (const room of await ledger.accept(intake)) rooms.add(room);
      unreadable += deadLetters.length;
      start = slice.end;
    } while (start < raws.length);
    return { rooms: [...rooms], unreadable };
  }

  function deadLetterOf({ index, path, raw }: Unreadable): DeadLetter {
    const reason = `Event ${index} of a transaction could not be read${path ? `: ${path}` : ""}`;
    log("dead_letter", { kind: "event", reason });
    return { kind: "event", reason, raw };
  }

  async function ring(rooms: readonly RoomId[]): Promise<void> {
    if (rooms.length === 0) return;
    const lanes = rooms.map(roomLane);
    const timeout = new AbortController();
    const rung = doorbell.ring(lanes).catch((error: unknown) => {
      log("lane_failed", { lanes, error: messageOf(error) });
    });
    await Promise.race([rung, clock.sleep(RING_MS_MAX, timeout.signal)]);
    timeout.abort();
  }
}

/** A body that is longer than this is decoded piece by piece, as it comes. */
const SHORT_BYTES = 256 * 1_024;

async function textOf({ req }: Context): Promise<string> {
  const isShort = Number(req.header("content-length") ?? Number.POSITIVE_INFINITY) <= SHORT_BYTES;
  return isShort || !req.raw.body ? req.text() : boundedText(req.raw.body, BOUNDS.transactionBody.max);
}

const refuse = (c: Context, errcode: "M_NOT_JSON" | "M_BAD_JSON", sentence: string): Response => {
  const { status, body } = matrixError(errcode, sentence);
  return c.json(body, status);
};
