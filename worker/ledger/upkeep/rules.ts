/** Which rows of which table are forgotten, and when. `core/retention.ts` says the same in words. */
import { BOUNDS } from "#core/bounds.ts";
import { botUserId } from "#core/protocol/ids.ts";
import { KEPT_MS } from "#core/retention.ts";
import { lanePrefix } from "#core/turn/lane.ts";
import type { Retention } from "#ports/operator.ts";
import { isVoid } from "../configuration/people.ts";
import { type Database, isLeased, type Sql, sql } from "../sql/database.ts";
import { ghostSql } from "../sql/ghosts.ts";
import { IS_UNSENT } from "../sql/unsent.ts";
import { FENCE_MARK, FORGOTTEN_FENCE } from "./fence.ts";

const HOUR_MS = 60 * 60_000;

/** The time of an upkeep, and how long rows are kept. */
export interface Due extends Retention {
  nowMs: number;
}

/** Rows of one table, looked at a bounded number at a time. */
export interface Rule {
  table: string;
  key: "seq" | "id" | "rowid";
  /**
   * Set where rows get older the smaller their key is: the look begins with the smallest one, and ends where no row is old,
   * or from while the clock was ahead.
   * Otherwise it goes round the whole table, some rows at each upkeep.
   */
  isOld?: (due: Due) => Sql;
  isGone: (due: Due) => Sql;
  /** Made before the rows are deleted. `isHere`: the row is among those that are looked at. */
  before?: (due: Due, isHere: Sql) => Sql[];
}

/** Notices that are said once in a room, by how their keys begin: their rows say that they were said. */
const SAID_ONCE = ["sealed-", "intro-", "moved-"];

/** Written while the clock was ahead. */
const isFromAhead = (column: string, nowMs: number): Sql => ({ text: `${column} > ?`, values: [nowMs + HOUR_MS] });

/** Rows that were written while the clock was ahead are dated anew, so that they are not kept for longer than others. */
function datedAnew(table: string, column: string, { nowMs }: Due, isHere: Sql): Sql {
  const isAhead = isFromAhead(column, nowMs);
  return {
    text: `UPDATE ${table} SET ${column} = ? WHERE ${isHere.text} AND ${isAhead.text}`,
    values: [nowMs, ...isHere.values, ...isAhead.values],
  };
}

export const eventsDatedAnew = (due: Due, isHere: Sql): Sql => datedAnew("events", "received_at_ms", due, isHere);

export function rules({ namespace }: Pick<Database, "namespace">): Rule[] {
  const ghosts = ghostSql(namespace);
  const bot = botUserId(namespace);
  const isAnyOfOurs = (user: Sql) =>
    sql`(${user} = ${bot} OR ${user} >= ${ghosts.first} AND ${user} < ${ghosts.first + ghosts.last})`;
  /** One of our users is in the room, or invited. */
  const areWeIn = (roomId: Sql) => sql`
    EXISTS (
      SELECT 1 FROM members AS mine
      WHERE mine.room_id = ${roomId} AND mine.membership IN ('join', 'invite') AND ${isAnyOfOurs(sql`mine.user_id`)})`;
  return [...history(areWeIn), ...work(), ...places(areWeIn, isAnyOfOurs), ...ofSessions()];
}

/** Events, questions and answers, the messages they were sent as, and what became of those that failed. */
function history(areWeIn: (roomId: Sql) => Sql): Rule[] {
  const hasNoTurn = sql`turn_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = outbox.turn_id)`;
  const isOldRow = ({ nowMs, turnsMs }: Due) => sql`(${hasNoTurn} OR turn_id IS NULL AND at_ms < ${nowMs - turnsMs})`;
  const isSaidOnce = SAID_ONCE.reduce(
    (any, prefix) => sql`${any} OR substr(key, 1, ${prefix.length}) = ${prefix}`,
    sql`false`,
  );
  const isOldLetter = ({ nowMs, eventIdsMs }: Due) => sql`
    (created_at_ms < ${nowMs - eventIdsMs} OR id <= (SELECT max(id) FROM dead_letters) - ${BOUNDS.deadLetters.max})`;
  return [
    {
      table: "events",
      key: "seq",
      isOld: ({ nowMs, eventIdsMs }) =>
        sql`(received_at_ms < ${nowMs - eventIdsMs} OR ${isFromAhead("received_at_ms", nowMs)})`,
      isGone: ({ nowMs, eventIdsMs }) => sql`received_at_ms < ${nowMs - eventIdsMs} AND verdict IS NOT NULL`,
      before: (due, isHere) => [eventsDatedAnew(due, isHere)],
    },
    {
      table: "turns",
      key: "seq",
      isOld: ({ nowMs, turnsMs }) => sql`(asked_at_ms < ${nowMs - turnsMs} OR ${isFromAhead("asked_at_ms", nowMs)})`,
      isGone: ({ nowMs, turnsMs }) => sql`
        asked_at_ms < ${nowMs - turnsMs} AND state = 'delivered' AND NOT EXISTS (
          SELECT 1 FROM turns AS into_turn WHERE into_turn.seq = turns.merged_into AND into_turn.state <> 'delivered')`,
      before: (due, isHere) => [datedAnew("turns", "asked_at_ms", due, isHere)],
    },
    {
      table: "outbox",
      key: "seq",
      isOld: (due) => sql`(${isOldRow(due)} OR ${isFromAhead("at_ms", due.nowMs)})`,
      isGone: (due) => sql`
        NOT ${IS_UNSENT} AND ${isOldRow(due)}
        AND NOT ((${isSaidOnce}) AND ${areWeIn(sql`substr(outbox.lane, instr(outbox.lane, '|') + 1)`)})`,
      before: (due, isHere) => [datedAnew("outbox", "at_ms", due, isHere)],
    },
    {
      table: "dead_letters",
      key: "id",
      // All of them are looked at: there are not many, and what they quote is forgotten earlier.
      isOld: () => sql`true`,
      isGone: isOldLetter,
      before: (due, isHere) => [
        datedAnew("dead_letters", "created_at_ms", due, isHere),
        sql`
          UPDATE dead_letters SET raw = ''
          WHERE ${isHere} AND kind <> 'turn' AND raw <> '' AND created_at_ms < ${due.nowMs - due.contentsMs}
          RETURNING id`,
      ],
    },
    {
      table: "transactions",
      key: "rowid",
      isGone: ({ nowMs, eventIdsMs }) => sql`accepted_at_ms < ${nowMs - eventIdsMs}`,
    },
  ];
}

/** What the runners of lanes leave behind, and what was counted. */
function work(): Rule[] {
  const isIdle = ({ nowMs }: Due) => sql`
    (claimed_at_ms < ${nowMs - KEPT_MS.lane} OR claimed_at_ms > ${nowMs + KEPT_MS.lane}) AND NOT ${isLeased(nowMs)}`;
  return [
    {
      table: "lanes",
      key: "rowid",
      isGone: isIdle,
      // The next lease of a forgotten lane has a later fence than any before, so that a late runner still writes nothing.
      before: (due, isHere) => [
        sql`
          INSERT INTO marks (name, value)
          SELECT ${FENCE_MARK}, CAST(fence AS TEXT) FROM (
            SELECT max(fence) AS fence FROM lanes WHERE ${isHere} AND ${isIdle(due)})
          WHERE fence > ${FORGOTTEN_FENCE}
          ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      ],
    },
    { table: "buckets", key: "rowid", isGone: ({ nowMs }) => outside(sql`at_ms`, nowMs, KEPT_MS.bucket) },
    { table: "pairs", key: "rowid", isGone: ({ nowMs }) => outside(sql`since_ms`, nowMs, KEPT_MS.pair) },
    { table: "learnt", key: "rowid", isGone: ({ nowMs }) => outside(sql`at_ms`, nowMs, KEPT_MS.learnt) },
    { table: "admissions", key: "rowid", isGone: ({ nowMs }) => outside(sql`at_ms`, nowMs, KEPT_MS.admission) },
    {
      table: "pairings",
      key: "rowid",
      isGone: ({ nowMs }) => isVoid(nowMs, KEPT_MS.pairing, sql`approved_at_ms`),
      before: (due, isHere) => [datedAnew("pairings", "at_ms", due, isHere)],
    },
    {
      table: "invite_codes",
      key: "rowid",
      isGone: ({ nowMs }) => isVoid(nowMs, KEPT_MS.inviteCode, sql`used_at_ms`),
      before: (due, isHere) => [datedAnew("invite_codes", "at_ms", due, isHere)],
    },
  ];
}

/** Counted longer ago than it matters, or while the clock was ahead. */
const outside = (at: Sql, nowMs: number, keptMs: number): Sql =>
  sql`(${at} < ${nowMs - keptMs} OR ${at} > ${nowMs + keptMs})`;

/** Rooms that our users have left, and our users that are in no room and stand for no agent. */
function places(areWeIn: (roomId: Sql) => Sql, isAnyOfOurs: (user: Sql) => Sql): Rule[] {
  return [
    {
      table: "members",
      key: "rowid",
      isGone: () => sql`
        (membership IN ('leave', 'ban') AND NOT ${isAnyOfOurs(sql`members.user_id`)})
        OR NOT ${areWeIn(sql`members.room_id`)}`,
    },
    {
      table: "rooms",
      key: "rowid",
      // A room that others continue is kept as long as they are.
      isGone: ({ nowMs, turnsMs }) => sql`
        left_at_ms < ${nowMs - turnsMs} AND NOT EXISTS (
          SELECT 1 FROM rooms AS later WHERE later.room_id = rooms.replacement AND later.left_at_ms IS NULL)`,
      before: ({ nowMs, contentsMs }, isHere) => [
        sql`
          UPDATE rooms
          SET left_at_ms = CASE WHEN ${areWeIn(sql`rooms.room_id`)} THEN NULL ELSE min(coalesce(left_at_ms, ${nowMs}), ${nowMs}) END
          WHERE ${isHere} AND (left_at_ms IS NULL OR left_at_ms > ${nowMs}) <> ${areWeIn(sql`rooms.room_id`)}`,
        sql`UPDATE rooms SET state = '{}' WHERE ${isHere} AND state <> '{}' AND left_at_ms < ${nowMs - contentsMs} RETURNING 1`,
      ],
    },
    {
      table: "directs",
      key: "rowid",
      isGone: () => sql`
        NOT EXISTS (SELECT 1 FROM rooms WHERE rooms.room_id = directs.room_id) AND NOT ${areWeIn(sql`directs.room_id`)}`,
    },
    {
      table: "threads",
      key: "rowid",
      isGone: ({ nowMs }) => sql`at_ms < ${nowMs - KEPT_MS.thread}`,
      before: (due, isHere) => [datedAnew("threads", "at_ms", due, isHere)],
    },
  ];
}

/** What is kept about sessions beside their turns. */
const ofSessions = (): Rule[] => [
  {
    table: "controls",
    key: "rowid",
    isGone: () => sql`
      NOT EXISTS (
        SELECT 1 FROM turns
        WHERE turns.session = controls.session AND state <> 'delivered' AND turns.seq <= controls.upto_seq)`,
  },
  {
    table: "epochs",
    key: "rowid",
    isGone: ({ nowMs, turnsMs }) => sql`
      session <> '' AND at_ms < ${nowMs - turnsMs}
      AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.session = epochs.session)
      AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.session = epochs.base)`,
    before: (due, isHere) => [datedAnew("epochs", "at_ms", due, isHere)],
  },
];

/** Once an hour, because each look reads a whole table: agents that were removed, and users that nobody needs any more. */
export function hourly({ namespace }: Pick<Database, "namespace">): Sql[] {
  const ghosts = ghostSql(namespace);
  const lane = sql`${lanePrefix("out")} || ghosts.user_id || '|'`;
  return [
    sql`
      DELETE FROM agents
      WHERE rowid IN (SELECT rowid FROM agents WHERE retired = 1 LIMIT ${BOUNDS.forgottenAtOnce.max}) RETURNING id`,
    // A family's member is not kept by its family: strangers choose its name.
    sql`
      DELETE FROM ghosts
      WHERE rowid IN (
        SELECT rowid FROM ghosts
        WHERE ${ghosts.isGhost} AND NOT EXISTS (SELECT 1 FROM agents WHERE agents.id = ${ghosts.id} AND retired = 0)
          AND user_id NOT IN (SELECT user_id FROM members WHERE membership IN ('join', 'invite') AND ${ghosts.isGhost})
          AND NOT EXISTS (
            SELECT 1 FROM outbox WHERE ${IS_UNSENT} AND lane >= ${lane} AND lane < ${lane} || ${ghosts.last})
        LIMIT ${BOUNDS.forgottenAtOnce.max})
      RETURNING user_id`,
  ];
}
