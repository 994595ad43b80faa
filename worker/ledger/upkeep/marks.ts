/** Marks: named values with which recurring work remembers where it is. */
import type { OperatorLedger } from "#ports/operator.ts";
import { type Database, type Sql, sql } from "../sql/database.ts";

/** How many rows the last search found that cannot be read. */
export const UNREADABLE_MARK = "unreadable";

/** Writes nothing where the mark has that value. */
export const setMark = (name: string, value: string | number): Sql => sql`
  INSERT INTO marks (name, value) VALUES (${name}, ${String(value)})
  ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE marks.value <> excluded.value`;

const TRIED_MARK = "write_tried";
/** Hexadecimal digits are twice as many. */
const TRIED_BYTES = 32 * 1024;

export function marks({ all, atomic }: Database): Pick<OperatorLedger, "mark" | "setMark" | "swapMark" | "tryWrite"> {
  return {
    async mark(name) {
      const [row] = await all<{ value: string }>(sql`SELECT value FROM marks WHERE name = ${name}`);
      return row?.value;
    },
    async setMark(name, value) {
      await all(setMark(name, value));
    },
    async swapMark(name, from, to) {
      const rows = await all(sql`
        UPDATE marks SET value = ${to} WHERE name = ${name} AND value = ${from} RETURNING name`);
      return rows.length === 1;
    },
    // New pages are needed for it: a small write may still find room in a full database.
    async tryWrite(nowMs) {
      await atomic(
        [
          sql`
          INSERT INTO marks (name, value) VALUES (${TRIED_MARK}, hex(zeroblob(${TRIED_BYTES})))
          ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
          sql`UPDATE marks SET value = ${String(nowMs)} WHERE name = ${TRIED_MARK}`,
        ],
        "durable",
      );
    },
  };
}
