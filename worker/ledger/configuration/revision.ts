/**
 * The revision of the configuration: a number that every write of it raises. Whoever writes what follows from an earlier
 * reading writes only while the revision is the same, so that nothing written in between is lost.
 */
import type { Revision } from "#ports/configuration.ts";
import { type Sql, sql } from "../sql/database.ts";

const NAME = "configuration";

/** The stored revision; NULL before the first write. */
export const REVISION = sql`(SELECT value FROM marks WHERE name = ${NAME})`;

export const revisionOf = (stored: string | null | undefined): Revision => stored ?? "0";

/** The configuration is as it was at this revision. Without one it does not matter. */
export const isAt = (revision: Revision | undefined): Sql =>
  revision === undefined ? sql`true` : sql`coalesce(${REVISION}, '0') = ${revision}`;

/** Raises the revision if the guard of the batch's other statements holds, and returns a row when it did. */
export const nextRevisionIf = (guard: Sql): Sql => sql`
  INSERT INTO marks (name, value) SELECT ${NAME}, '1' WHERE ${guard}
  ON CONFLICT (name) DO UPDATE SET value = CAST(marks.value AS INTEGER) + 1 RETURNING name`;

export const nextRevision = nextRevisionIf(sql`true`);
