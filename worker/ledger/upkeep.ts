/** What goes on for ever: forgetting, repairing gaps, limits, and the figures an operator looks at. */
import { RoomId } from "#core/protocol/ids.ts";
import type { Figures, Ledger } from "#ports";
import { type Database, type Sql, sql } from "./database.ts";
import { INVITE_CODE_MS, isVoid, PAIRING_MS } from "./policy/pairing.ts";

/** Rows of a kind that one step of forgetting looks at. */
const PRUNED_MAX = 500;
/** Events among which the active rooms are looked for. */
const LATEST_EVENTS = 5_000;
const MINUTE_MS = 60_000;
/** The longest that a thread can be an agent's without a word of it (`sticky`). */
const THREAD_MS = 30 * 24 * 60 * MINUTE_MS;
/** A pair of machines that has been quiet for so long begins to be counted again. */
const PAIR_MS = 60 * MINUTE_MS;

type Upkeep = Pick<
  Ledger,
  | "mark"
  | "setMark"
  | "prune"
  | "known"
  | "activeRooms"
  | "roomsAfter"
  | "takeTokens"
  | "returnTokens"
  | "replay"
  | "figures"
>;

export function upkeep(database: Database): Upkeep {
  const { all } = database;
  return {
    ...gaps(database),
    prune: (nowMs, keep) => prune(database, nowMs, keep),
    figures: (nowMs) => figures(database, nowMs),

    async mark(name) {
      const [row] = await all<{ value: string }>(sql`SELECT value FROM marks WHERE name = ${name}`);
      return row?.value;
    },
    async setMark(name, value) {
      await all(sql`
        INSERT INTO marks (name, value) VALUES (${name}, ${value})
        ON CONFLICT (name) DO UPDATE SET value = excluded.value`);
    },

    async takeTokens(wanted, nowMs) {
      if (wanted.length === 0) return 0;
      const list = JSON.stringify(wanted.map(({ key, perMinute }) => [key, perMinute]));
      // A bucket nobody took from is full; what flowed in since is counted when somebody looks.
      const level = sql`min(value ->> 1, coalesce(tokens + (${nowMs} - at_ms) * (value ->> 1) * 1.0 / ${MINUTE_MS}, value ->> 1))`;
      const levels = sql`SELECT value ->> 0 AS key, value ->> 1 AS perMinute, ${level} AS level
        FROM json_each(${list}) LEFT JOIN buckets ON buckets.key = value ->> 0`;
      const taken = await all(sql`
        INSERT INTO buckets (key, tokens, at_ms)
        SELECT key, level - 1, ${nowMs} FROM (${levels}) WHERE NOT EXISTS (SELECT 1 FROM (${levels}) WHERE level < 1)
        ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, at_ms = excluded.at_ms
        RETURNING key`);
      if (taken.length > 0) return 0;
      const rows = await all<{ perMinute: number; level: number }>(levels);
      return Math.max(...rows.map((row) => Math.ceil(((1 - row.level) * MINUTE_MS) / row.perMinute)), 1);
    },

    async returnTokens(taken) {
      if (taken.length === 0) return;
      const keys = JSON.stringify(taken.map(({ key }) => key));
      await all(sql`UPDATE buckets SET tokens = tokens + 1 WHERE key IN (SELECT value FROM json_each(${keys}))`);
    },

    async replay(turnId, newId, nowMs) {
      const [row] = await all<{ session: string }>(sql`
        UPDATE turns
        SET id = ${newId}, state = 'queued', attempt = 0, failures = 0, not_before_ms = 0, asked_at_ms = ${nowMs},
          shown = NULL, reply_kind = NULL, reply = NULL, ending = NULL
        WHERE id = ${turnId} AND state = 'delivered' AND ending IS NOT NULL AND ending NOT IN ('merged', 'redacted', 'context')
        RETURNING session`);
      return row?.session;
    },
  };
}

function gaps({ all }: Database): Pick<Upkeep, "known" | "activeRooms" | "roomsAfter"> {
  const idOf = ({ roomId }: { roomId: string }) => RoomId.parse(roomId);
  return {
    async known(eventIds) {
      const rows = await all<{ eventId: string; seq: number }>(sql`
        SELECT event_id AS eventId, seq FROM events
        WHERE event_id IN (SELECT value FROM json_each(${JSON.stringify(eventIds)}))`);
      return new Map(rows.map(({ eventId, seq }) => [eventId, seq]));
    },

    async activeRooms(limit) {
      const rows = await all<{ roomId: string }>(sql`
        SELECT room_id AS roomId, max(seq) AS latest FROM events
        WHERE seq > (SELECT coalesce(max(seq), 0) FROM events) - ${LATEST_EVENTS}
        GROUP BY room_id ORDER BY latest DESC LIMIT ${limit}`);
      return rows.map(idOf);
    },

    async roomsAfter(roomId, limit) {
      const rows = await all<{ roomId: string }>(sql`
        SELECT DISTINCT room_id AS roomId FROM members
        WHERE membership = 'join' AND room_id > ${roomId} ORDER BY room_id LIMIT ${limit}`);
      return rows.map(idOf);
    },
  };
}

/**
 * Each step looks at the oldest rows that are left, so many and no more: the pace at which it forgets is that of the
 * sweep, and the database is never busy with it for long.
 */
async function prune(database: Database, nowMs: number, keep: Parameters<Upkeep["prune"]>[1]): Promise<number> {
  const emptied = await emptyContents(database, nowMs - keep.contentsMs);
  const oldest = (table: Sql) => sql`seq < (SELECT min(seq) FROM ${table}) + ${PRUNED_MAX}`;
  const forgottenMs = nowMs - keep.eventIdsMs;
  const results = await database.atomic([
    sql`
      DELETE FROM events
      WHERE ${oldest(sql`events`)} AND received_at_ms < ${forgottenMs} AND verdict IS NOT NULL RETURNING seq`,
    sql`
      DELETE FROM outbox
      WHERE ${oldest(sql`outbox`)} AND state <> 'frozen'
        AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = outbox.turn_id AND turns.asked_at_ms >= ${forgottenMs})
      RETURNING seq`,
    sql`
      DELETE FROM turns
      WHERE ${oldest(sql`turns`)} AND state = 'delivered' AND asked_at_ms < ${nowMs - keep.turnsMs} RETURNING seq`,
    sql`
      DELETE FROM transactions
      WHERE rowid < (SELECT min(rowid) FROM transactions) + ${PRUNED_MAX} AND accepted_at_ms < ${forgottenMs} RETURNING id`,
    sql`DELETE FROM buckets WHERE at_ms < ${nowMs - MINUTE_MS} RETURNING key`,
    ...policyRows(nowMs),
  ]);
  return emptied + results.flat().length;
}

/** What was kept of people and threads, and means nothing any more. */
const policyRows = (nowMs: number): Sql[] => [
  sql`
    DELETE FROM threads
    WHERE rowid IN (SELECT rowid FROM threads WHERE at_ms < ${nowMs - THREAD_MS} ORDER BY at_ms LIMIT ${PRUNED_MAX})
    RETURNING root`,
  sql`
    DELETE FROM pairs
    WHERE rowid IN (SELECT rowid FROM pairs WHERE since_ms < ${nowMs - PAIR_MS} ORDER BY since_ms LIMIT ${PRUNED_MAX})
    RETURNING agent`,
  sql`DELETE FROM pairings WHERE ${isVoid(nowMs, PAIRING_MS, sql`approved_at_ms`)} RETURNING code`,
  sql`DELETE FROM invite_codes WHERE ${isVoid(nowMs, INVITE_CODE_MS, sql`used_at_ms`)} RETURNING code`,
];

/** Of decided events the content goes first; their ids stay, so that none of them is taken for new. */
async function emptyContents({ all, atomic }: Database, beforeMs: number): Promise<number> {
  const [mark] = await all<{ value: string }>(sql`SELECT value FROM marks WHERE name = 'emptied'`);
  const from = Number(mark?.value ?? 0);
  const next = await all<{ seq: number; receivedAtMs: number }>(sql`
    SELECT seq, received_at_ms AS receivedAtMs FROM events WHERE seq > ${from} ORDER BY seq LIMIT ${PRUNED_MAX}`);
  const young = next.findIndex(({ receivedAtMs }) => receivedAtMs >= beforeMs);
  const old = young < 0 ? next : next.slice(0, young);
  const upto = old.at(-1)?.seq;
  if (upto === undefined) return 0;
  await atomic([
    sql`UPDATE events SET event = '' WHERE seq > ${from} AND seq <= ${upto} AND verdict IS NOT NULL`,
    sql`
      INSERT INTO marks (name, value) VALUES ('emptied', ${String(upto)})
      ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  ]);
  return old.length;
}

async function figures({ all }: Database, nowMs: number): Promise<Figures> {
  const [row] = await all<Omit<Figures, "outboxAgeMs"> & { oldestAtMs: number | null; lastAtMs: number | null }>(sql`
    SELECT
      (SELECT received_at_ms FROM events WHERE seq = (SELECT max(seq) FROM events)) AS lastAtMs,
      (SELECT count(*) FROM events WHERE verdict IS NULL) AS undecidedEvents,
      (SELECT count(*) FROM turns WHERE state <> 'delivered') AS openTurns,
      (SELECT count(*) FROM turns WHERE state = 'running') AS runningTurns,
      (SELECT count(*) FROM outbox WHERE state = 'frozen') AS outboxRows,
      (SELECT coalesce(max(depth), 0) FROM (
        SELECT count(*) AS depth FROM outbox WHERE state = 'frozen' GROUP BY lane)) AS outboxDepth,
      (SELECT min(turns.asked_at_ms) FROM outbox JOIN turns ON turns.id = outbox.turn_id
        WHERE outbox.state = 'frozen') AS oldestAtMs,
      (SELECT count(*) FROM dead_letters) AS deadLetters`);
  if (!row) throw new Error("the database counts nothing");
  const { oldestAtMs, lastAtMs, ...counts } = row;
  const outboxAgeMs = oldestAtMs === null ? 0 : Math.max(nowMs - oldestAtMs, 0);
  return { ...counts, outboxAgeMs, ...(lastAtMs === null ? {} : { lastTransactionAtMs: lastAtMs }) };
}
