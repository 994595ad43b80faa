/** Accepted invitations are counted, so that nobody brings agents into rooms, or has accounts made, without a limit. */
import type { InvitationLimits, RoomLedger } from "#ports/rooms.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { ghostSql, isMemberOf } from "../sql/ghosts.ts";

const HOUR_MS = 3_600_000;
/** Rows that are further ahead were written before the clock was set back. */
const AHEAD_MS = 60_000;

type Answer = Record<keyof InvitationLimits | "isAdmitted", number>;

export function admissions({ atomic, namespace }: Database): Pick<RoomLedger, "admit"> {
  const { first, last, id } = ghostSql(namespace);
  return {
    async admit({ eventId, inviter, userId, family = null, nowMs }, limits) {
      const isMade = sql`EXISTS (SELECT 1 FROM ghosts WHERE user_id = ${userId})`;
      const isNew = sql`(${family} IS NOT NULL AND NOT ${isMade})`;
      const isBelow = (rows: Sql, limit: number): Sql =>
        limit === 0 ? sql`true` : sql`(SELECT count(*) FROM (${rows} LIMIT ${limit})) < ${limit}`;
      // With those that are being made now.
      const members = sql`
        SELECT user_id FROM ghosts
        WHERE user_id >= ${first} AND user_id < ${first + last} AND ${isMemberOf(id, sql`${family}`)}
        UNION SELECT user_id FROM admissions WHERE family = ${family}`;
      const below: Record<keyof InvitationLimits, Sql> = {
        anInviter: isBelow(sql`SELECT 1 FROM admissions WHERE inviter = ${inviter}`, limits.anInviter),
        aFamily: sql`(NOT ${isNew} OR ${isBelow(sql`SELECT 1 FROM admissions WHERE family = ${family}`, limits.aFamily)})`,
        families: sql`(NOT ${isNew} OR ${isBelow(sql`SELECT 1 FROM admissions WHERE family IS NOT NULL`, limits.families)})`,
        members: sql`(NOT ${isNew} OR ${isBelow(members, limits.members)})`,
      };
      const results = await atomic([
        sql`DELETE FROM admissions WHERE at_ms < ${nowMs - HOUR_MS} OR at_ms > ${nowMs + AHEAD_MS}`,
        sql`
          SELECT EXISTS (SELECT 1 FROM admissions WHERE event_id = ${eventId}) AS isAdmitted,
            ${below.anInviter} AS anInviter, ${below.aFamily} AS aFamily, ${below.families} AS families,
            ${below.members} AS members`,
        sql`
          INSERT INTO admissions (event_id, inviter, user_id, family, at_ms)
          SELECT ${eventId}, ${inviter}, ${userId}, CASE WHEN ${isNew} THEN ${family} END, ${nowMs}
          WHERE ${below.anInviter} AND ${below.aFamily} AND ${below.families} AND ${below.members}
          ON CONFLICT DO NOTHING`,
      ]);
      const [answer] = (results[1] ?? []) as Answer[];
      if (!answer || answer.isAdmitted === 1) return undefined;
      return NAMES.find((name) => answer[name] === 0);
    },
  };
}

const NAMES = ["anInviter", "members", "aFamily", "families"] as const;
