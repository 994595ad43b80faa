/**
 * Where in the order of events a member or a piece of a room's state is from, so that what is earlier never replaces what is
 * later: neither an event that was read back, nor a reading of the whole room during which events were decided.
 */
import { type Sql, sql } from "../sql/database.ts";

/** The place of an event: its seq or, where it was read back, right after the one it followed. */
export const placeOf = (seq: number): Sql =>
  sql`(SELECT coalesce(after_seq + 0.5, seq) FROM events WHERE events.seq = ${seq})`;

/** Behind all events that were ever stored, also where they are deleted by now. */
export const LATEST_PLACE = sql`coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)`;

/** The key of `rooms.places` for the reading of the whole state. */
export const READ = "read";

export const placesOfRoom = sql`CASE WHEN json_valid(rooms.places) THEN rooms.places ELSE '{}' END`;

/** The place in `rooms.places` under this key; 0 where there is none. */
export const placeOfType = (key: Sql): Sql =>
  sql`coalesce((SELECT CAST(one.value AS REAL) FROM json_each(${placesOfRoom}) AS one WHERE one.key = ${key}), 0)`;
