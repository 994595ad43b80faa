/** Pairings, grants and invite codes: which users were let in by name, and who asks to be. Codes ignore case. */
import { BOUNDS } from "#core/bounds.ts";
import { AgentId, type Namespace, splitUserId, UserId } from "#core/protocol/ids.ts";
import { KEPT_MS } from "#core/retention.ts";
import type { PeopleLedger } from "#ports/configuration.ts";
import { countOfLast, type Sql, sql } from "../sql/database.ts";
import type { Noted, NotingDatabase } from "../sql/noted.ts";

/** Using or approving a code is idempotent for this long: the event may be handled again after a crash. */
const AGAIN_MS = 60_000;

/** In SQL, whether a code has expired: after `lifetimeMs` if it is unused, after `AGAIN_MS` once it was used. */
export const isVoid = (nowMs: number, lifetimeMs: number, usedAt: Sql): Sql =>
  sql`CASE WHEN ${usedAt} IS NULL THEN at_ms <= ${nowMs - lifetimeMs} ELSE ${usedAt} <= ${nowMs - AGAIN_MS} END`;

interface Row {
  agent: string;
  userId: string;
  code: string;
  atMs: number;
}
const COLUMNS = sql`agent, user_id AS userId, code, at_ms AS atMs`;
/** Undefined where an id in the row is none: nobody is let in by it. */
function idsOf<T extends Omit<Row, "code">>(noted: Noted, table: string, row: T) {
  const key = { table, key: `${row.agent} ${row.userId}` };
  const agent = noted.id(AgentId, row.agent, key);
  const userId = noted.id(UserId, row.userId, key);
  return agent && userId && { ...row, agent, userId };
}

/** Grants what `from` selects. In a batch it stands before the statement that marks the code as used. */
const insertGrant = (from: Sql, nowMs: number): Sql => sql`
  INSERT INTO grants (user_id, agent, at_ms) SELECT user_id, agent, ${nowMs} FROM ${from}
  ON CONFLICT DO NOTHING`;

export function people(database: NotingDatabase): PeopleLedger {
  const { all, atomic, noted } = database;
  return {
    ...pairings(database),

    async allow(agent, userId, nowMs) {
      await all(insertGrant(sql`(SELECT ${userId} AS user_id, ${agent} AS agent) WHERE true`, nowMs), "durable");
    },

    async deny(agent, userOrCode) {
      const isCode = sql`code = ${userOrCode} COLLATE NOCASE`;
      const usedBy = sql`agent = ${agent} AND user_id = ${userOrCode}`;
      const results = await atomic(
        [
          sql`DELETE FROM grants WHERE user_id = ${userOrCode} AND agent = ${agent} RETURNING agent`,
          // Used codes are deleted too: they stay valid for a minute and would let the user in again.
          sql`DELETE FROM pairings WHERE ${usedBy} AND approved_at_ms IS NOT NULL`,
          sql`DELETE FROM invite_codes WHERE ${usedBy}`,
          sql`
          DELETE FROM pairings
          WHERE agent = ${agent} AND (user_id = ${userOrCode} OR ${isCode}) AND approved_at_ms IS NULL RETURNING agent`,
          sql`DELETE FROM invite_codes WHERE agent = ${agent} AND ${isCode} AND user_id IS NULL RETURNING agent`,
        ],
        "durable",
      );
      return results.flat().length > 0;
    },

    async grants() {
      const rows = await all<Omit<Row, "code">>(sql`
        SELECT agent, user_id AS userId, at_ms AS atMs FROM grants ORDER BY agent, user_id`);
      return rows.flatMap((row) => idsOf(noted, "grants", row) ?? []);
    },

    async grantsPage(after, limit) {
      const [userId = "", agent = ""] = after.split(" ");
      const rows = await all<Omit<Row, "code">>(sql`
        SELECT agent, user_id AS userId, at_ms AS atMs FROM grants
        WHERE (user_id, agent) > (${userId}, ${agent}) ORDER BY user_id, agent LIMIT ${limit}`);
      const items = rows.flatMap((row) => idsOf(noted, "grants", row) ?? []);
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return last ? { items, next: `${last.userId} ${last.agent}` } : { items };
    },

    async addInviteCode(agent, code, nowMs) {
      await all(
        sql`
        INSERT INTO invite_codes (agent, code, at_ms) VALUES (${agent}, ${code}, ${nowMs})
        ON CONFLICT (agent, code) DO UPDATE SET at_ms = excluded.at_ms, user_id = NULL, used_at_ms = NULL`,
        "durable",
      );
    },

    async useInviteCode(agent, code, userId, nowMs) {
      const valid = sql`
        agent = ${agent} AND code = ${code} COLLATE NOCASE AND coalesce(user_id, ${userId}) = ${userId}
        AND NOT ${isVoid(nowMs, KEPT_MS.inviteCode, sql`used_at_ms`)}`;
      const results = await atomic(
        [
          insertGrant(sql`(SELECT ${userId} AS user_id, agent FROM invite_codes WHERE ${valid}) WHERE true`, nowMs),
          sql`
          UPDATE invite_codes SET user_id = ${userId}, used_at_ms = coalesce(used_at_ms, ${nowMs})
          WHERE ${valid} RETURNING agent`,
        ],
        "durable",
      );
      return countOfLast(results) > 0;
    },
  };
}

/**
 * Users of our own server and those of others wait apart, and a server has few places, so that strangers cannot keep others
 * from asking.
 */
function hasPlace({ serverName }: Namespace, agent: AgentId, userId: UserId): Sql {
  const server = sql`substr(user_id, instr(user_id, ':') + 1)`;
  const [, own] = splitUserId(userId);
  const waiting = (which: Sql) =>
    sql`(SELECT count(*) FROM pairings WHERE agent = ${agent} AND approved_at_ms IS NULL AND ${which})`;
  return own === serverName
    ? sql`${waiting(sql`${server} = ${serverName}`)} < ${BOUNDS.pendingLocalPairings.max}`
    : sql`${waiting(sql`${server} = ${own}`)} < ${BOUNDS.pendingPairings.max}
        AND ${waiting(sql`${server} <> ${serverName}`)} < ${BOUNDS.pendingRemotePairings.max}`;
}

type Pairings = Pick<PeopleLedger, "offerPairing" | "pairings" | "approve">;

function pairings({ all, atomic, namespace, noted }: NotingDatabase): Pairings {
  return {
    async offerPairing({ agent, userId, code, atMs }) {
      const isUsed = sql`agent = ${agent} AND user_id = ${userId} AND approved_at_ms IS NOT NULL`;
      // Made while the clock was ahead, it would keep its place among those that may wait for longer than it should.
      const isAhead = sql`at_ms > ${atMs + BOUNDS.clocksApart.max}`;
      const results = await atomic([
        sql`DELETE FROM pairings WHERE ${isVoid(atMs, KEPT_MS.pairing, sql`approved_at_ms`)} OR ${isAhead} OR ${isUsed}`,
        // The conflict is the user's own pairing, which stays, or another user's code, which is not given out twice.
        sql`
          INSERT INTO pairings (agent, user_id, code, at_ms)
          SELECT ${agent}, ${userId}, ${code}, ${atMs}
          WHERE ${hasPlace(namespace, agent, userId)}
          ON CONFLICT DO NOTHING`,
        sql`SELECT code FROM pairings WHERE agent = ${agent} AND user_id = ${userId}`,
      ]);
      const [row] = (results.at(-1) ?? []) as { code: string }[];
      return row?.code;
    },

    async pairings(nowMs) {
      const rows = await all<Row>(sql`
        SELECT ${COLUMNS} FROM pairings
        WHERE at_ms > ${nowMs - KEPT_MS.pairing} AND approved_at_ms IS NULL ORDER BY at_ms, agent, user_id`);
      return rows.flatMap((row) => idsOf(noted, "pairings", row) ?? []);
    },

    async approve(code, nowMs, agent) {
      const ofAgent = agent === undefined ? sql`` : sql`AND agent = ${agent}`;
      const valid = sql`
        code = ${code} COLLATE NOCASE AND NOT ${isVoid(nowMs, KEPT_MS.pairing, sql`approved_at_ms`)} ${ofAgent}`;
      const results = await atomic(
        [
          insertGrant(sql`pairings WHERE ${valid}`, nowMs),
          sql`
          UPDATE pairings SET approved_at_ms = coalesce(approved_at_ms, ${nowMs}) WHERE ${valid} RETURNING ${COLUMNS}`,
        ],
        "durable",
      );
      const [row] = (results.at(-1) ?? []) as Row[];
      return row && idsOf(noted, "pairings", row);
    },
  };
}
