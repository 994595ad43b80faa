/** Which outbox rows are open. */
import { sql } from "./database.ts";

/** For queries of `outbox`: the condition of the index `outbox_unsent`, to the letter, or SQLite would not use it. */
export const IS_UNSENT = sql`state IN ('queued', 'frozen')`;
