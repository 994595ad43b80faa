/**
 * The out lane: sends a ghost's frozen requests of one room in order, each until the homeserver took it or refused it
 * for good. A retry repeats path, body, user and device byte for byte, so that it is the homeserver that sees through it.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers
 */

import { type HomeserverError, isPassing } from "#core/protocol/errcode.ts";
import { EventId, type RoomId } from "#core/protocol/ids.ts";
import { type LaneId, laneOf } from "#core/turn/lane.ts";
import type { StoredOutboxRow } from "#ports/delivery.ts";
import type { Ghosts } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Lease, Work } from "#ports/lanes.ts";
import type { Ledger } from "#ports/ledger.ts";

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;

/** Whether a reply comes too late is not asked before: most are there in a moment. */
const LATE_ASKED_MS = 60_000;

interface Needs {
  ledger: Ledger;
  ghosts: Ghosts;
  clock: Clock;
  log: Log;
  /** No two sends of a lane begin within this time, in milliseconds. */
  sendFloorMs: number;
}

export function outLane(needs: Needs): Work {
  const { clock, sendFloorMs } = needs;
  return async ({ lease, lost }) => {
    for (let row = await due(needs, lease); row && !lost.aborted; row = await due(needs, lease)) {
      if (!(await send(needs, lease, row))) break;
      if (sendFloorMs > 0) await clock.sleep(sendFloorMs, lost);
    }
  };
}

/** The oldest row, if it is due; what would come too late is buried on the way. */
async function due(needs: Needs, lease: Lease): Promise<StoredOutboxRow | undefined> {
  for (;;) {
    const row = await needs.ledger.nextOut(lease);
    if (!row || row.notBeforeMs > needs.clock.now()) return undefined;
    if (!(await isLate(needs, row))) return row;
    await bury(needs, lease, row, `A message of ${row.userId} would have come too long after the question`);
  }
}

/** False when the row is to be sent again later; true when it is done with. */
async function send(needs: Needs, lease: Lease, row: StoredOutboxRow): Promise<boolean> {
  const { ledger, ghosts, clock, log } = needs;
  const answer = await ghosts.existing(row.userId, row.deviceId).put(row.path, row.body);
  const eventId = answer.ok ? EventId.safeParse(answer.value["event_id"]).data : undefined;
  if (eventId) {
    // After the send: a crash in between repeats it, and the homeserver answers with the first event's id.
    await ledger.ended(lease, row.seq, { state: "sent", eventId });
    return true;
  }
  const error = answer.ok ? NO_EVENT_ID : answer.error;
  if (isPassing(error)) {
    const dueAtMs = clock.now() + waitMs(row, error);
    log("send_retried", { key: row.key, status: error.status, errcode: error.errcode, attempt: row.attempt + 1 });
    await ledger.retryOut(lease, row.seq, dueAtMs);
    return false;
  }
  // Refused for good, and never in the way of what is behind it.
  await bury(
    needs,
    lease,
    row,
    `The homeserver refused a message of ${row.userId}: ${error.status} ${error.errcode} ${error.message}`,
  );
  return true;
}

/** What ends what was begun is never too late: the final edit of something that can be seen. */
async function isLate({ ledger, clock }: Needs, { askedAtMs, agent, key, lane }: Asked): Promise<boolean> {
  const age = askedAtMs === undefined ? 0 : clock.now() - askedAtMs;
  if (age < LATE_ASKED_MS || key.endsWith(".final") || agent === "") return false;
  const replyAge = (await ledger.agent(agent, roomOf(lane)))?.turns.replyAge;
  return replyAge !== undefined && age > replyAge * 1_000;
}

function roomOf(id: LaneId): RoomId {
  const lane = laneOf(id);
  if (lane.kind !== "out") throw new Error(`${id} is no outbox`);
  return lane.roomId;
}

type Asked = StoredOutboxRow & { askedAtMs?: number };

async function bury({ ledger, log }: Needs, lease: Lease, row: StoredOutboxRow, reason: string): Promise<void> {
  log("dead_letter", { kind: "outbox", key: row.key, reason });
  const raw = JSON.stringify({ path: row.path, body: row.body });
  await ledger.ended(lease, row.seq, { state: "dead", deadLetter: { kind: "outbox", reason, raw } });
}

const NO_EVENT_ID: HomeserverError = { status: 502, errcode: "M_UNKNOWN", message: "answer without event_id" };

/** Who says when to come back is believed; it has not failed. */
const waitMs = (row: StoredOutboxRow, { status, retryAfterMs }: HomeserverError): number =>
  status === 429 && retryAfterMs !== undefined
    ? retryAfterMs
    : Math.max(retryAfterMs ?? 0, Math.min(RETRY_MS_MIN * 2 ** row.attempt, RETRY_MS_MAX));
