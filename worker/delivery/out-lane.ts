/**
 * The out lane: sends the rows of one speaker in one room in order, each until the homeserver accepts it or refuses it for
 * good.
 *
 * ```
 *  plain ──freeze──▶ frozen ──send──▶ sent
 *    │                 │  ▲
 *    │                 └──┘ unreachable or told to wait: the same bytes again
 *    └────────┬────────┘
 *             ▼
 *           dead: refused, too late, or not readable
 * ```
 *
 * A refusal that promises more luck later is believed until it came many times in a row, while the homeserver stores other
 * things: then it is about this message or this room, and what waits behind it goes on.
 *
 * A retry repeats path, body, user and device byte for byte, so that the homeserver recognises it as a duplicate.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#transaction-identifiers
 */

import { BOUNDS } from "#core/bounds.ts";
import { CONTENT_KEY, isFinalEdit } from "#core/message/mark.ts";
import { setAccountData, whoAmI } from "#core/protocol/client/account.ts";
import { frozenMessage } from "#core/protocol/client/messages.ts";
import { type HomeserverError, isPassing } from "#core/protocol/errcode.ts";
import { BOT, type EventId, type RoomId, type UserId } from "#core/protocol/ids.ts";
import { err, messageOf, ok, type Result } from "#core/result.ts";
import { backOffMs, spread } from "#core/turn/back-off.ts";
import { isDue } from "#core/turn/clocks.ts";
import { type LaneId, type Lease, laneOfKind, sessionLane } from "#core/turn/lane.ts";
import type { ConfigurationLedger } from "#ports/configuration.ts";
import type { FrozenRequest, OpenOutboxRow, OutboxEnd, OutboxLedger } from "#ports/delivery.ts";
import type { Ghosts, Intent } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Running, Work } from "#ports/lanes.ts";
import type { PlaceLedger } from "#ports/turns.ts";
import { freeze } from "./freeze.ts";

const BACK_OFF = { firstMs: 1_000, maxMs: BOUNDS.sendRetryPause.max };
const LIMITED_BACK_OFF = { ...BACK_OFF, firstMs: 50 };
/** Younger rows are never too late, so most rows need no look at the agent's settings. */
const LATE_MS_MIN = 60_000;

interface Needs {
  ledger: Pick<OutboxLedger, "nextOut" | "freezeOut" | "endOut" | "endOutAndNext" | "retryOut"> &
    Pick<PlaceLedger, "grantPlaces"> &
    Pick<ConfigurationLedger, "agent">;
  ghosts: Users;
  clock: Clock;
  log: Log;
  /** The pause after each send of a lane, in milliseconds. */
  sendFloorMs: number;
  /** False when this run has done as much as the host allows. */
  mayGoOn?: (() => boolean) | undefined;
  /** Between 0 and 1. */
  random: () => number;
  /** Rings lanes. Resolves when the rings are on their way. */
  ring: (lanes: readonly LaneId[]) => Promise<void>;
}

type MadeUser = Promise<Result<Pick<Intent, "deviceId">, HomeserverError>>;

/** `Ghosts`, as far as the out lane needs it. */
interface Users {
  existing(userId: UserId, deviceId: string): Pick<Intent, "send">;
  intent(agent: Parameters<Ghosts["intent"]>[0]): MadeUser;
  bot(): MadeUser;
}

/** Why a row is not sent now: to be tried again, or never. */
type Refusal = { again: HomeserverError } | { never: string };

export function outLane(needs: Needs): Work<OpenOutboxRow | undefined> {
  return async (running, first) => {
    let row = first;
    const isNext = ({ notBeforeMs }: OpenOutboxRow) =>
      isDue(notBeforeMs, needs.clock.now(), BOUNDS.pauseAhead.max) && needs.mayGoOn?.() !== false;
    while (row && isNext(row) && !running.lost.aborted) {
      const end = await attempt(needs, running.lease, row);
      if (!end) return undefined;
      const after = await finish(needs, running, row, end);
      if (after === "released") return after;
      row = after;
    }
    return undefined;
  };
}

/** Stores how a row ended and gives the next one. With a floor between sends the lane stays leased through the pause. */
async function finish(
  needs: Needs,
  { lease, lost, release }: Running,
  { seq }: OpenOutboxRow,
  end: OutboxEnd,
): Promise<OpenOutboxRow | "released" | undefined> {
  const { ledger, clock, sendFloorMs } = needs;
  if (sendFloorMs > 0) {
    await ledger.endOut(lease, seq, end, clock.now());
    await grantPlaces(needs);
    await clock.sleep(sendFloorMs, lost);
    return ledger.nextOut(lease);
  }
  const ended = await release(() => ledger.endOutAndNext(lease, seq, end, clock.now()));
  if (ended.isFreed) await grantPlaces(needs);
  return ended.isReleased ? "released" : ended.next;
}

/** Turns that waited for room in this lane may begin. */
async function grantPlaces({ ledger, clock, ring }: Needs): Promise<void> {
  const granted = await ledger.grantPlaces(clock.now());
  if (granted.length > 0) await ring(granted.map(sessionLane));
}

/** Sends a row once; undefined when it is to be sent again later. A row that is too late or refused becomes a dead letter. */
async function attempt(needs: Needs, lease: Lease, row: OpenOutboxRow): Promise<OutboxEnd | undefined> {
  const { ledger, clock, log, random } = needs;
  if (await isLate(needs, row)) {
    const end = dead(needs, row, `A message of ${row.userId} would have come too long after the question`);
    return { ...end, heldOthersUp: wasRefusedAlone(row) };
  }
  const request = await requestOf(needs, lease, row);
  if (request === "lost") return undefined;
  const sent = request.ok ? await send(needs, row, request.value) : request;
  // A crash before the end is stored repeats the send, and the homeserver answers with the same event id.
  if (sent.ok) return { state: "sent", eventId: sent.value };
  if ("never" in sent.error) return dead(needs, row, sent.error.never);
  const { again } = sent.error;
  log("send_retried", { key: row.key, status: again.status, errcode: again.errcode, attempt: row.attempt + 1 });
  const refusal = await nameOf(needs, row, again);
  if (await isHopeless(needs, row, refusal)) {
    const why = `${again.status} ${again.errcode} ${again.message}`;
    const reason = `The homeserver refused a message of ${row.userId} ${row.refusals + 1} times: ${why}`;
    return { ...dead(needs, row, reason), heldOthersUp: true };
  }
  await ledger.retryOut(lease, row.seq, clock.now() + pauseMs(row, again, random()), refusal);
  return undefined;
}

/** The row's request: as it is stored, or frozen now. `lost`: the lease is, so nothing may be sent. */
async function requestOf(
  needs: Needs,
  lease: Lease,
  row: OpenOutboxRow,
): Promise<Result<FrozenRequest, Refusal> | "lost"> {
  if (row.frozen) return ok(row.frozen);
  const device = row.deviceId === undefined ? await makeUser(needs, row) : ok(row.deviceId);
  if (!device.ok) return device;
  let frozen: FrozenRequest;
  try {
    const place = { roomId: roomOf(row.lane), deviceId: device.value };
    frozen = await freeze(row.plain, row.key, place, () => needs.clock.sleep(0));
  } catch (error) {
    const why = messageOf(error);
    return err({ never: `A message of ${row.userId} could not be rendered: ${why}` });
  }
  return (await needs.ledger.freezeOut(lease, row.seq, frozen)) ? ok(frozen) : "lost";
}

/** Makes the row's user on the homeserver, and gives its device. */
async function makeUser(
  needs: Needs,
  { userId, agent: speaker, lane }: OpenOutboxRow,
): Promise<Result<string, Refusal>> {
  const { ledger, ghosts } = needs;
  const agent = speaker === BOT ? undefined : await ledger.agent(speaker, roomOf(lane));
  if (speaker !== BOT && !agent) return err({ never: `${userId} does not exist, and its agent is retired` });
  const intent = agent ? await ghosts.intent(agent) : await ghosts.bot();
  return intent.ok ? ok(intent.value.deviceId) : err(refusalOf(userId, intent.error));
}

async function send(
  needs: Needs,
  { userId }: OpenOutboxRow,
  { deviceId, path, body }: FrozenRequest,
): Promise<Result<EventId, Refusal>> {
  const answer = await needs.ghosts.existing(userId, deviceId).send(frozenMessage(path, body));
  return answer.ok ? answer : err(refusalOf(userId, answer.error));
}

function refusalOf(userId: string, error: HomeserverError): Refusal {
  if (isPassing(error)) return { again: error };
  const { status, errcode, message } = error;
  return { never: `The homeserver refused a message of ${userId}: ${status} ${errcode} ${message}` };
}

/** How a refusal is remembered, so that those in a row are counted: it asked to wait, it came in an outage, or neither. */
const [LIMITED, OUTAGE, REFUSED] = ["limited", "outage", "refused"];
/** From this refusal in a row on, the homeserver has to show each time that it stores other things. */
const DOUBTED = BOUNDS.equalRefusals.max / 2;

const isDoubtful = ({ refusal, refusals }: OpenOutboxRow): boolean => refusal === REFUSED && refusals + 1 >= DOUBTED;

async function nameOf(needs: Needs, row: OpenOutboxRow, { status }: HomeserverError): Promise<string> {
  if (status === 429) return LIMITED;
  return !isDoubtful(row) || (await isWell(needs, row)) ? REFUSED : OUTAGE;
}

/** The homeserver stores what else the same user has to store. */
async function isWell({ ghosts }: Needs, row: OpenOutboxRow): Promise<boolean> {
  const deviceId = row.frozen ? row.frozen.deviceId : row.deviceId;
  if (deviceId === undefined) return false;
  const { send: ask } = ghosts.existing(row.userId, deviceId);
  // An empty answer may be a proxy's, so the homeserver has to say who asks as well.
  return (await ask(setAccountData(row.userId, CONTENT_KEY, {}))).ok && (await ask(whoAmI())).ok;
}

/** Refused again and again, or asked to wait for very long, while the homeserver stores other things of the user. */
async function isHopeless(needs: Needs, row: OpenOutboxRow, refusal: string): Promise<boolean> {
  if (refusal !== row.refusal || refusal === OUTAGE) return false;
  if (refusal === REFUSED) return row.refusals + 1 >= BOUNDS.equalRefusals.max;
  return row.refusals + 1 >= BOUNDS.patientRefusals.max && (await isWell(needs, row));
}

/** The homeserver took other things meanwhile. */
const wasRefusedAlone = (row: OpenOutboxRow): boolean => row.refusal === LIMITED || isDoubtful(row);

/** The final edit of a draft is never too late: people can see the draft, and it must end. */
async function isLate({ ledger, clock }: Needs, { askedAtMs, agent, key, lane }: OpenOutboxRow): Promise<boolean> {
  const age = askedAtMs === undefined ? 0 : clock.now() - askedAtMs;
  if (age < LATE_MS_MIN || isFinalEdit(key) || agent === BOT) return false;
  const replyAge = (await ledger.agent(agent, roomOf(lane)))?.turns.replyAge;
  return replyAge !== undefined && age > replyAge * 1_000;
}

const roomOf = (lane: LaneId): RoomId => laneOfKind(lane, "out").roomId;

function dead({ log }: Needs, row: OpenOutboxRow, reason: string) {
  log("dead_letter", { kind: "outbox", key: row.key, reason });
  const raw = row.frozen ? JSON.stringify({ path: row.frozen.path, body: row.frozen.body }) : row.plain;
  return { state: "dead" as const, deadLetter: { kind: "outbox" as const, reason, raw } };
}

/** A rate limit says when to come back, and is believed at first; other errors back off. */
function pauseMs({ attempt }: OpenOutboxRow, { status, retryAfterMs = 0 }: HomeserverError, random: number): number {
  const asked = spread(retryAfterMs, random, BOUNDS.sendRetryPause.max);
  const backOff = status === 429 && asked > 0 ? LIMITED_BACK_OFF : BACK_OFF;
  return Math.max(asked, backOffMs(attempt + 1, backOff, random));
}
