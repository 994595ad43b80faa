/** Members of rooms, the state of rooms, and which room replaced which. */
import { BOUNDS } from "#core/bounds.ts";
import { botUserId, isOurs, RoomId, UserId } from "#core/protocol/ids.ts";
import { RoomState, STATE_KEYS } from "#core/protocol/room-state.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Membership } from "#ports/rooms.ts";
import { jsonLists } from "../sql/bulk.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";
import { ghostSql } from "../sql/ghosts.ts";
import { columnOf, storedJson } from "../sql/stored.ts";
import { LATEST_PLACE, placeOf, placeOfType, placesOfRoom, READ } from "./places.ts";

type Members = Pick<
  Ledger,
  | "latestPlace"
  | "setMembers"
  | "hasPeople"
  | "joinedInDirectChat"
  | "ghostsIn"
  | "replacedBy"
  | "setState"
  | "setReplacement"
  | "succeed"
>;

export function members(database: Database): Members {
  const { all, atomic, namespace } = database;
  const ghosts = ghostSql(namespace);
  return {
    ...successions(database),

    async latestPlace() {
      const [row] = await all<{ place: number }>(sql`SELECT ${LATEST_PLACE} AS place`);
      return row?.place ?? 0;
    },

    async setMembers(roomId, list, readAt) {
      const place = readAt === undefined ? LATEST_PLACE : sql`${readAt}`;
      // A reading that began later has more to say, also of those who are gone.
      const isLast = sql`${place} >= coalesce(
        (SELECT ${placeOfType(sql`${READ}`)} FROM rooms WHERE rooms.room_id = ${roomId}), 0)`;
      const inserts = jsonLists(list.map(({ userId, membership }) => [userId, membership])).map(
        (rows) => sql`
          INSERT INTO members (room_id, user_id, membership, place)
          SELECT ${roomId}, value ->> 0, value ->> 1, ${place} FROM json_each(${rows}) WHERE ${isLast}
          ON CONFLICT DO NOTHING`,
      );
      const ours = list.filter(({ userId }) => isOurs(namespace, userId));
      await atomic([
        forgetGone(roomId, ours.filter(isHere), sql`members.place <= ${place} AND ${isLast}`),
        sql`DELETE FROM members WHERE room_id = ${roomId} AND place <= ${place} AND ${isLast}`,
        ...inserts,
        ...jsonLists(ours.filter((one) => one.direct && isHere(one)).map(({ userId }) => [userId])).map(
          (rows) => sql`
            INSERT INTO directs (room_id, user_id)
            SELECT ${roomId}, value ->> 0 FROM json_each(${rows}) WHERE true
            ON CONFLICT DO NOTHING`,
        ),
      ]);
    },

    async hasPeople(roomId, apart) {
      const { first, last, isOurs: ours } = ghosts;
      const here = sql`
        SELECT 1 FROM members
        WHERE room_id = ${roomId} AND membership IN ('join', 'invite') AND user_id IS NOT ${apart ?? null}
          AND NOT ${ours(sql`user_id`)}`;
      // The ids before and after the range of ghosts are looked at first: a room may have many ghosts.
      const rows = await all(sql`
        SELECT 1 WHERE EXISTS (${here} AND user_id < ${first}) OR EXISTS (${here} AND user_id >= ${first + last})
          OR EXISTS (${here} AND user_id >= ${first} AND user_id < ${first + last})`);
      return rows.length > 0;
    },

    async joinedInDirectChat(roomId) {
      // Direct chats come first: of any other room no member is looked at.
      const rows = await all<{ userId: string }>(sql`
        SELECT members.user_id AS userId
        FROM (SELECT 1 FROM directs WHERE directs.room_id = ${roomId} LIMIT 1) CROSS JOIN members
        WHERE members.room_id = ${roomId} AND members.membership = 'join'
        LIMIT ${BOUNDS.joinedCounted.max + 1}`);
      return columnOf(rows, "userId", UserId);
    },

    async ghostsIn(roomId, after, limit) {
      const { first, last, isOurs: ours } = ghosts;
      const here = sql`
        SELECT user_id AS userId FROM members
        WHERE room_id = ${roomId} AND membership = 'join' AND user_id > ${after}`;
      const rows = await all<{ userId: string }>(sql`
        ${here} AND user_id = ${botUserId(namespace)}
        UNION ${here} AND user_id >= ${first} AND user_id < ${first + last} AND ${ours(sql`user_id`)}
        ORDER BY userId LIMIT ${limit}`);
      return columnOf(rows, "userId", UserId);
    },
  };
}

const TOMBSTONE = "m.room.tombstone" satisfies keyof typeof STATE_KEYS;

/** Each key of the state with the type of the events that set it, as JSON. */
const TYPE_OF_KEY = JSON.stringify(
  Object.entries(STATE_KEYS).flatMap(([type, keys]) => keys.map((key) => [key, type])),
);

const isHere = ({ membership }: Membership): boolean => membership === "join" || membership === "invite";

/**
 * Deletes the marks of direct chats of users who were here and are not any more. A user without a known membership keeps
 * the mark: they have yet to follow into a room that replaced another.
 */
function forgetGone(roomId: RoomId, here: readonly Membership[], isReplaced: Sql): Sql {
  const among = jsonLists(here.map(({ userId }) => [userId])).map(
    (rows) => sql` AND user_id NOT IN (SELECT value ->> 0 FROM json_each(${rows}))`,
  );
  return sql`
    DELETE FROM directs
    WHERE room_id = ${roomId}
      AND EXISTS (
        SELECT 1 FROM members
        WHERE members.room_id = ${roomId} AND members.user_id = directs.user_id AND ${isReplaced})
      ${among.reduce((all, one) => sql`${all}${one}`, sql``)}`;
}

function successions({
  all,
  atomic,
}: Database): Pick<Members, "replacedBy" | "setState" | "setReplacement" | "succeed"> {
  return {
    async replacedBy(roomId, userId, claimed) {
      const [row] = await all<{ roomId: string }>(sql`
        SELECT rooms.room_id AS roomId FROM rooms JOIN members ON members.room_id = rooms.room_id
        WHERE rooms.replacement = ${roomId} AND rooms.room_id <> ${roomId}
          AND members.user_id = ${userId} AND members.membership = 'join'
          ${claimed === undefined ? sql`` : sql`AND rooms.room_id = ${claimed}`}
        LIMIT 1`);
      return row && RoomId.safeParse(row.roomId).data;
    },

    async setState(roomId, state, readAt) {
      const place = readAt === undefined ? LATEST_PLACE : sql`${readAt}`;
      const isLater = sql`json_valid(rooms.state) AND ${placeOfType(sql`known.value ->> 1`)} > ${place}`;
      await all(sql`
        INSERT INTO rooms (room_id, origin, state, replacement, places)
        VALUES (
          ${roomId}, ${roomId}, ${storedJson("the state of a room", RoomState, state)}, ${state.replacement ?? null},
          json_object(${READ}, ${place}))
        ON CONFLICT (room_id) DO UPDATE
          SET state = (
              SELECT json_group_object(key, json(value)) FROM (
                SELECT known.value ->> 0 AS key,
                  CASE WHEN ${isLater} THEN rooms.state ELSE excluded.state END -> ('$.' || (known.value ->> 0)) AS value
                FROM json_each(${TYPE_OF_KEY}) AS known)
              WHERE value IS NOT NULL),
            replacement = CASE
              WHEN ${placeOfType(sql`${TOMBSTONE}`)} > ${place} THEN rooms.replacement ELSE excluded.replacement
            END,
            places = json_patch(${placesOfRoom}, excluded.places)
          WHERE ${placeOfType(sql`${READ}`)} <= excluded.places ->> ${`$.${READ}`}`);
    },

    async setReplacement(roomId, replacement, seq) {
      await all(sql`
        INSERT INTO rooms (room_id, origin, state, replacement, places)
        VALUES (${roomId}, ${roomId}, json_object('replacement', ${replacement}), ${replacement},
          json_object(${TOMBSTONE}, ${placeOf(seq)}))
        ON CONFLICT (room_id) DO UPDATE
          SET state = CASE
              WHEN json_valid(rooms.state) THEN json_set(rooms.state, '$.replacement', ${replacement}) ELSE rooms.state
            END,
            replacement = excluded.replacement, places = json_patch(${placesOfRoom}, excluded.places)`);
    },

    async succeed(from, to) {
      const origin = sql`coalesce((SELECT origin FROM rooms WHERE room_id = ${from}), ${from})`;
      const isNews = sql`NOT EXISTS (SELECT 1 FROM rooms WHERE room_id = ${to} AND origin = ${origin})`;
      await atomic([
        sql`
          INSERT INTO settings (name, value, attentive)
          SELECT ${`room:${to}`}, value, attentive FROM settings WHERE name = ${`room:${from}`} AND ${isNews}
          ON CONFLICT DO NOTHING`,
        sql`
          INSERT INTO directs (room_id, user_id)
          SELECT ${to}, user_id FROM directs WHERE room_id = ${from} AND ${isNews}
          ON CONFLICT DO NOTHING`,
        sql`
          INSERT INTO rooms (room_id, origin, predecessor, state) SELECT ${to}, ${origin}, ${from}, '{}' WHERE true
          ON CONFLICT (room_id) DO UPDATE SET origin = excluded.origin, predecessor = excluded.predecessor`,
      ]);
    },
  };
}
