/** The rows of the outbox: stored plain, frozen before the first attempt, ended as sent or dead. */
import { BOUNDS } from "#core/bounds.ts";
import { DeliveryKey } from "#core/message/mark.ts";
import { storedUtterance } from "#core/message/utterance.ts";
import { AgentId, BOT, EventId, type Speaker, UserId } from "#core/protocol/ids.ts";
import { isObject, parseJson } from "#core/protocol/json.ts";
import { err, ok, type Result } from "#core/result.ts";
import { isLane, type LaneId, type Lease } from "#core/turn/lane.ts";
import { TurnId } from "#core/turn/turn.ts";
import type { OpenOutboxRow, OutboxEnd, OutboxLedger, OutboxRow } from "#ports/delivery.ts";
import type { DeadLetter } from "#ports/operator.ts";
import { countOfLast, isHeld, leasedUntil, releaseUnless, type Sql, sql } from "../sql/database.ts";
import type { NotingDatabase } from "../sql/noted.ts";
import { storedShown } from "../sql/stored.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import { insertDeadLetter } from "../upkeep/dead-letters.ts";
import { freeOut } from "./places.ts";

/** The bot is the empty string in the column `agent`. */
const columnOf = (speaker: Speaker): string => (speaker === BOT ? "" : speaker);

/**
 * One statement a row: an utterance may have 30 kB, and all of them together more than a parameter may. `atMs`: when it is,
 * for rows that have no turn.
 */
export const insertPlain = (rows: readonly OutboxRow[], guard: Sql, atMs: number | Sql = 0): Sql[] =>
  rows.map(
    ({ key, lane, turnId, agent, userId, utterance }) => sql`
      INSERT INTO outbox (
        key, lane, turn_id, agent, user_id, device_id, path, body, plain, state, attempt, not_before_ms, at_ms)
      SELECT ${key}, ${lane}, ${turnId ?? null}, ${columnOf(agent)}, ${userId}, '', '', '',
        ${storedUtterance(utterance)}, 'queued', 0, 0, ${atMs}
      WHERE ${guard}
      ON CONFLICT DO NOTHING`,
  );

/** Ends open rows. An ended row is never sent again, so its content is dropped. */
export const endOpen = (state: "sent" | "dead", eventId: EventId | null, which: Sql): Sql => sql`
  UPDATE outbox SET state = ${state}, event_id = ${eventId}, body = '', plain = NULL
  WHERE ${IS_UNSENT} AND ${which} RETURNING seq`;

interface Row {
  seq: number;
  key: string;
  turnId: string | null;
  agent: string;
  userId: string;
  plain: string | null;
  deviceId: string | null;
  path: string;
  body: string;
  attempt: number;
  notBeforeMs: number;
  refusal: string | null;
  refusals: number;
  askedAtMs: number | null;
}

export function outboxRows(database: NotingDatabase): OutboxLedger {
  const { all, atomic } = database;
  return {
    async queueOut(lease, rows, showing) {
      const shown = showing
        ? [sql`UPDATE turns SET shown = ${storedShown(showing.text)} WHERE id = ${showing.turnId} AND ${isHeld(lease)}`]
        : [];
      const results = await atomic([
        ...insertPlain(rows, isHeld(lease)),
        ...shown,
        sql`SELECT 1 WHERE ${isHeld(lease)}`,
      ]);
      return countOfLast(results) === 1;
    },

    async outboxRow(key) {
      const [row] = await all<{ state: string; lane: string; eventId: string | null }>(sql`
        SELECT CASE WHEN ${IS_UNSENT} THEN 'open' ELSE state END AS state, lane, event_id AS eventId
        FROM outbox WHERE key = ${key}`);
      if (!row) return undefined;
      // With a state of a newer version, or in no lane: this one does not send the row, and does not wait for it.
      const state = (isLane(row.lane) && STATES.find((known) => known === row.state)) || "dead";
      const eventId = EventId.safeParse(row.eventId).data;
      return eventId ? { state, eventId } : { state };
    },

    async nextOut(lease) {
      return readNextOut(database, lease, await all(selectNextOut(lease.lane, isHeld(lease))));
    },

    async freezeOut(lease, seq, { deviceId, path, body }) {
      const rows = await all(sql`
        UPDATE outbox SET device_id = ${deviceId}, path = ${path}, body = ${body}, plain = NULL
        WHERE seq = ${seq} AND ${IS_UNSENT} AND path = '' AND ${isHeld(lease)} RETURNING seq`);
      return rows.length === 1;
    },

    async endOut(lease, seq, end, nowMs) {
      const results = await atomic([...endRow(lease, seq, end, nowMs), freed(lease.lane)], "durable");
      return results.at(-2)?.length === 1;
    },

    async endOutAndNext(lease, seq, end, nowMs) {
      const results = await atomic(
        [
          ...endRow(lease, seq, end, nowMs),
          freed(lease.lane),
          selectNextOut(lease.lane, isHeld(lease)),
          releaseUnless(lease, sql`SELECT 1 FROM outbox WHERE lane = ${lease.lane} AND ${IS_UNSENT}`),
        ],
        "durable",
      );
      const next = await readNextOut(database, lease, results.at(-2));
      return { next, isReleased: countOfLast(results) === 1, isFreed: (results.at(-3)?.length ?? 0) > 0 };
    },

    async retryOut(lease, seq, notBeforeMs, refusal) {
      const rows = await all(sql`
        UPDATE outbox SET not_before_ms = ${notBeforeMs}, attempt = attempt + 1, refusal = ${refusal},
          refusals = CASE WHEN refusal = ${refusal} THEN refusals + 1 ELSE 1 END
        WHERE seq = ${seq} AND ${IS_UNSENT} AND ${isHeld(lease)} RETURNING seq`);
      return rows.length === 1;
    },
  };
}

/** The oldest open row of a lane. `isMine`: the lane is leased by the reader. */
export const selectNextOut = (lane: LaneId, isMine: Sql): Sql => sql`
  SELECT seq, key, turn_id AS turnId, agent, user_id AS userId, plain,
    CASE path
      WHEN '' THEN (SELECT ghosts.device_id FROM ghosts WHERE ghosts.user_id = outbox.user_id)
      ELSE device_id
    END AS deviceId,
    path, body, attempt, not_before_ms AS notBeforeMs, refusal, refusals,
    (SELECT asked_at_ms FROM turns WHERE turns.id = turn_id) AS askedAtMs
  FROM outbox WHERE lane = ${lane} AND ${IS_UNSENT} AND ${isMine} ORDER BY seq LIMIT 1`;

const STATES = ["open", "sent", "dead"] as const;

const freed = (lane: LaneId): Sql => freeOut(sql`${lane}`, sql`waits_for = ${lane}`);

function endRow(lease: Lease, seq: number, end: OutboxEnd, nowMs: number): Sql[] {
  const isMine = sql`seq = ${seq} AND ${isHeld(lease)}`;
  if (end.state === "sent") return [endOpen("sent", end.eventId, isMine)];
  const inTimeAgain = end.heldOthersUp ? [inTime(lease.lane, isMine, nowMs)] : [];
  return [...inTimeAgain, ...giveUp(seq, end.deadLetter, nowMs, isHeld(lease))];
}

function giveUp(seq: number, letter: DeadLetter, nowMs: number | Sql, may: Sql): Sql[] {
  const isMine = sql`seq = ${seq} AND ${may}`;
  return [
    insertDeadLetter(letter, nowMs, sql`EXISTS (SELECT 1 FROM outbox WHERE ${IS_UNSENT} AND ${isMine})`),
    endOpen("dead", null, isMine),
  ];
}

/** Ends a row that cannot be read as a dead letter. */
export function burial(row: Content, seq: number, wrong: string, nowMs: number | Sql, may: Sql): Sql[] {
  const raw = row.plain ?? JSON.stringify({ path: row.path, body: row.body });
  const reason = `The message ${row.key} cannot be read: ${wrong}`;
  return giveUp(seq, { kind: "outbox", reason, raw }, nowMs, may);
}
type Content = Pick<Row, "key" | "plain" | "path" | "body">;

/**
 * Turns that waited for this row could not begin before now, and answers behind it could not be sent: only from now on do
 * they get late.
 */
const inTime = (lane: LaneId, isMine: Sql, nowMs: number): Sql => sql`
  UPDATE turns SET asked_at_ms = ${nowMs}
  WHERE state <> 'delivered' AND asked_at_ms > 0 AND EXISTS (SELECT 1 FROM outbox WHERE ${IS_UNSENT} AND ${isMine})
    AND (
      state = 'queued' AND session = (
        SELECT session FROM turns WHERE id = (SELECT turn_id FROM outbox WHERE ${IS_UNSENT} AND ${isMine}))
      OR waits_for = ${lane}
      OR id IN (SELECT turn_id FROM outbox WHERE lane = ${lane} AND ${IS_UNSENT}))`;

/**
 * The row of a lane that is to be sent next. One that cannot be read is ended here as a dead letter, and the lane goes on
 * with the next one.
 */
export async function readNextOut(
  { atomic, noted }: NotingDatabase,
  lease: Lease,
  found: readonly unknown[] | undefined,
): Promise<OpenOutboxRow | undefined> {
  let rows = found;
  for (let buried = 0; buried < BOUNDS.unreadableAtOnce.max; buried++) {
    const [row] = (rows ?? []) as Row[];
    if (!row) return undefined;
    const read = openRowOf(row, lease.lane);
    if (read.ok) return read.value;
    noted.note({ table: "outbox", key: row.key, wrong: read.error });
    const burials = burial(row, row.seq, read.error, leasedUntil(lease), isHeld(lease));
    const results = await atomic([...burials, selectNextOut(lease.lane, isHeld(lease))]);
    rows = results.at(-1);
  }
  return undefined;
}

function openRowOf(row: Row, lane: LaneId): Result<OpenOutboxRow, string> {
  const { askedAtMs, deviceId, path, body } = row;
  const names = namesOf(row);
  if (!names.ok) return names;
  const { key, agent, userId, turnId } = names.value;
  const shared = {
    seq: row.seq,
    key,
    lane,
    agent,
    userId,
    attempt: row.attempt,
    notBeforeMs: row.notBeforeMs,
    refusals: row.refusals,
    ...(row.refusal === null ? {} : { refusal: row.refusal }),
    ...(turnId === null ? {} : { turnId }),
    ...(askedAtMs ? { askedAtMs } : {}),
  };
  if (path === "") return ok({ ...shared, plain: row.plain ?? "", ...(deviceId === null ? {} : { deviceId }) });
  return ok({ ...shared, frozen: { deviceId: deviceId ?? "", path, body } });
}

/** The ids of a row. The error says what in it cannot be read. */
export function namesOf(row: Pick<Row, "key" | "agent" | "userId" | "turnId" | "path" | "body">) {
  const { path, body } = row;
  const key = DeliveryKey.safeParse(row.key).data;
  const agent: Speaker | undefined = row.agent === "" ? BOT : AgentId.safeParse(row.agent).data;
  const userId = UserId.safeParse(row.userId).data;
  const turnId = row.turnId === null ? null : TurnId.safeParse(row.turnId).data;
  if (!key || !agent || !userId || turnId === undefined) return err("an id in it is none");
  // Sent as it is, such a request would be refused in a way that looks like an outage.
  if (path !== "" && !path.startsWith("/")) return err("path: it is none");
  if (path !== "" && !isObject(parseJson(body))) return err("body: it is no JSON object");
  return ok({ key, agent, userId, turnId });
}
