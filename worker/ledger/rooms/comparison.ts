/** What is remembered of rooms and users, to be compared with what the homeserver says. */
import { AgentId, botUserId, ghostUserId, UserId } from "#core/protocol/ids.ts";
import type { ComparisonLedger } from "#ports/comparison.ts";
import { jsonLists } from "../sql/bulk.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { ghostSql } from "../sql/ghosts.ts";
import { columnOf } from "../sql/stored.ts";
import { roomsIn, undecidedRooms } from "./intake.ts";

/** The two tables that pages of our users are read from: how a place in each begins. */
const [AGENTS, GHOSTS] = ["agent ", "ghost "];

export function comparison(database: Database): ComparisonLedger {
  const { all, atomic, namespace } = database;
  const bot = botUserId(namespace);
  return {
    async ourUsers(from, limit) {
      if (from.startsWith(GHOSTS)) {
        const users = await otherGhosts(database, from.slice(GHOSTS.length), limit);
        const last = users.at(-1);
        return users.length < limit || last === undefined ? { users } : { users, next: `${GHOSTS}${last}` };
      }
      const rows = await all<{ id: string }>(sql`
        SELECT id FROM agents
        WHERE family = 0 AND retired = 0 AND id > ${from.slice(AGENTS.length)} ORDER BY id LIMIT ${limit}`);
      const users = columnOf(rows, "id", AgentId).map((id) => ghostUserId(namespace, id));
      const next = rows.length < limit ? GHOSTS : `${AGENTS}${rows.at(-1)?.id ?? ""}`;
      return { users: from === "" ? [bot, ...users] : users, next };
    },

    async roomsWithout(userId, roomIds) {
      const without = jsonLists(roomIds.map((id) => [id])).map(
        (list) => sql`
          SELECT value ->> 0 AS roomId FROM json_each(${list})
          WHERE NOT EXISTS (
            SELECT 1 FROM members
            WHERE members.room_id = value ->> 0 AND members.user_id = ${userId} AND members.membership = 'join')`,
      );
      const results = without.length === 0 ? [] : await atomic(without);
      return roomsIn(results.flat());
    },

    async joinedIn(roomId, limit) {
      const rows = await all<{ userId: string }>(sql`
        SELECT user_id AS userId FROM members
        WHERE room_id = ${roomId} AND membership = 'join' ORDER BY user_id LIMIT ${limit}`);
      return columnOf(rows, "userId", UserId);
    },

    async forgetGhost(userId) {
      await all(sql`DELETE FROM ghosts WHERE user_id = ${userId}`);
    },

    async reopenInvitations(invitations, nowMs) {
      if (invitations.length === 0) return [];
      const lists = jsonLists(invitations.map((one) => [one.event_id, one.room_id, JSON.stringify(one)]));
      // What is lost of it by a crash is found again by the next comparison.
      const results = await atomic([...lists.map((list) => reopened(list, nowMs)), undecidedRooms(invitations)]);
      return roomsIn(results.at(-1));
    },
  };
}

/** Users with an account whose agents are not in the table: members of families, and those of agents that were removed. */
async function otherGhosts({ all, namespace }: Database, after: string, limit: number): Promise<UserId[]> {
  const { isGhost, id } = ghostSql(namespace);
  const rows = await all<{ userId: string }>(sql`
    SELECT user_id AS userId FROM ghosts
    WHERE user_id > ${after} AND ${isGhost}
      AND NOT EXISTS (SELECT 1 FROM agents WHERE agents.id = ${id} AND family = 0 AND retired = 0)
    ORDER BY user_id LIMIT ${limit}`);
  return columnOf(rows, "userId", UserId);
}

/** An invitation that could not be accepted is tried again within this time, so often. */
const [FAILED_MS, FAILED_AGAIN_MS] = [24 * 3_600_000, 3_600_000];

/** In rooms where nothing is undecided: there an invitation may just have been pushed. */
const reopened = (list: string, nowMs: number): Sql => sql`
  INSERT INTO events (event_id, room_id, event, received_at_ms)
  SELECT value ->> 0, value ->> 1, value ->> 2, ${nowMs} FROM json_each(${list})
  WHERE NOT EXISTS (SELECT 1 FROM events AS pushed WHERE pushed.room_id = value ->> 1 AND pushed.verdict IS NULL)
  ORDER BY key
  ON CONFLICT (event_id) DO UPDATE
    SET event = excluded.event, verdict = NULL, failures = 0, not_before_ms = ${nowMs}, progress = NULL
    WHERE events.room_id = excluded.room_id AND (
      events.verdict = 'join'
      OR events.verdict = 'join_failed'
        AND events.received_at_ms > ${nowMs - FAILED_MS} AND events.not_before_ms < ${nowMs - FAILED_AGAIN_MS})`;
