/** Marks: named values with which recurring work remembers where it is. */
import type { OperatorLedger } from "#ports/operator.ts";
import { type Database, sql } from "../sql/database.ts";

/** How many rows the last search found that cannot be read. */
export const UNREADABLE_MARK = "unreadable";

export function marks({ all }: Database): Pick<OperatorLedger, "mark" | "setMark" | "swapMark"> {
  return {
    async mark(name) {
      const [row] = await all<{ value: string }>(sql`SELECT value FROM marks WHERE name = ${name}`);
      return row?.value;
    },
    async setMark(name, value) {
      await all(sql`
        INSERT INTO marks (name, value) VALUES (${name}, ${value})
        ON CONFLICT (name) DO UPDATE SET value = excluded.value`);
    },
    async swapMark(name, from, to) {
      await all(sql`UPDATE marks SET value = ${to} WHERE name = ${name} AND value = ${from}`);
    },
  };
}
