/**
 * The out lane: sends a ghost's frozen requests of one room in order, each until the homeserver took it or refused it
 * for good. A retry repeats path, body, user and device byte for byte, so that it is the homeserver that sees through it.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers
 */
import { EventId } from "#core/protocol/ids.ts";
import type { Clock, Ghosts, HomeserverError, Lease, Ledger, Log, StoredOutboxRow, Work } from "#ports";

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;

interface Needs {
  ledger: Ledger;
  ghosts: Ghosts;
  clock: Clock;
  log: Log;
  /** Worth another try (true), or refused for good. */
  isPassing: (error: HomeserverError) => boolean;
}

export function outLane(needs: Needs): Work {
  const { ledger, clock } = needs;
  return async ({ lease, lost }) => {
    for (;;) {
      const row = await ledger.nextOut(lease);
      if (!row || lost.aborted) return { idle: true };
      if (row.notBeforeMs > clock.now()) return { idle: true, dueAtMs: row.notBeforeMs };
      const dueAtMs = await send(needs, lease, row);
      if (dueAtMs !== undefined) return { idle: true, dueAtMs };
    }
  };
}

/** Resolves to when the row is to be sent again; undefined when it is done with. */
async function send(needs: Needs, lease: Lease, row: StoredOutboxRow): Promise<number | undefined> {
  const { ledger, ghosts, clock, log, isPassing } = needs;
  const answer = await ghosts.existing(row.userId, row.deviceId).put(row.path, row.body);
  const eventId = answer.ok ? EventId.safeParse(answer.value["event_id"]).data : undefined;
  if (eventId) {
    // After the send: a crash in between repeats it, and the homeserver answers with the first event's id.
    await ledger.ended(lease, row.seq, { state: "sent", eventId });
    return undefined;
  }
  const error = answer.ok ? NO_EVENT_ID : answer.error;
  if (isPassing(error)) {
    const dueAtMs = clock.now() + waitMs(row, error);
    log("send_retried", { key: row.key, status: error.status, errcode: error.errcode, attempt: row.attempt + 1 });
    await ledger.retryOut(lease, row.seq, dueAtMs);
    return dueAtMs;
  }
  // Refused for good, and never in the way of what is behind it.
  const reason = `The homeserver refused a message of ${row.userId}: ${error.status} ${error.errcode} ${error.message}`;
  log("dead_letter", { kind: "outbox", key: row.key, reason });
  const raw = JSON.stringify({ path: row.path, body: row.body });
  await ledger.ended(lease, row.seq, { state: "dead", deadLetter: { kind: "outbox", reason, raw } });
  return undefined;
}

const NO_EVENT_ID: HomeserverError = { status: 502, errcode: "M_UNKNOWN", message: "answer without event_id" };

const waitMs = (row: StoredOutboxRow, { retryAfterMs }: HomeserverError): number =>
  Math.max(retryAfterMs ?? 0, Math.min(RETRY_MS_MIN * 2 ** row.attempt, RETRY_MS_MAX));
