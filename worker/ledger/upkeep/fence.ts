/** The fences of lanes that were forgotten. */
import { type Sql, sql } from "../sql/database.ts";

export const FENCE_MARK = "fence";

/** The latest fence of any lane that was forgotten. A new lane begins above it. */
export const FORGOTTEN_FENCE: Sql = sql`
  coalesce((SELECT CAST(value AS INTEGER) FROM marks WHERE name = ${FENCE_MARK}), 0)`;
