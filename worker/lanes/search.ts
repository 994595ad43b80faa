/**
 * The search for rows that cannot be read, so that they are counted and logged: a part of the database at each upkeep. After
 * a round that found none it rests, until a reader meets such a row.
 */
import { parseJson } from "#core/protocol/json.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { OperatorLedger, UnreadableRow } from "#ports/operator.ts";

interface Needs {
  ledger: Pick<OperatorLedger, "searchDamaged" | "countDamaged" | "takeNoted" | "mark" | "setMark">;
  clock: Clock;
  log: Log;
}

/** Where the search is, and what it has found since its beginning. */
interface Search {
  from?: string;
  found: number;
  /** When the rows were last logged, milliseconds since the epoch. */
  loggedAtMs: number;
  /** When the last round ended, if it found none. */
  cleanAtMs?: number;
}

const SEARCH_MARK = "searched";
const LOGGED_MS = 60 * 60_000;
const REST_MS = 60 * 60_000;
/** More lines say no more. */
const LOGGED_MAX = 20;

/** Looks at the next part. The rows that readers have met meanwhile are logged too. */
export async function searchOn(needs: Needs): Promise<void> {
  const { ledger, clock } = needs;
  const nowMs = clock.now();
  const noted = ledger.takeNoted(nowMs);
  logRows(needs, noted);
  const before = searchIn(await ledger.mark(SEARCH_MARK));
  if (noted.length === 0 && before.cleanAtMs !== undefined && Math.abs(nowMs - before.cleanAtMs) < REST_MS) return;
  const { rows, next } = await ledger.searchDamaged(before.from, "quick");
  const mayLog = Math.abs(nowMs - before.loggedAtMs) >= LOGGED_MS;
  if (mayLog) logRows(needs, rows);
  const loggedAtMs = mayLog && rows.length > 0 ? nowMs : before.loggedAtMs;
  const found = before.found + rows.length;
  if (next === undefined) await ledger.countDamaged(found);
  const after: Search =
    next !== undefined
      ? { from: next, found, loggedAtMs }
      : { found: 0, loggedAtMs, ...(found === 0 ? { cleanAtMs: nowMs } : {}) };
  const mark = JSON.stringify(after);
  if (mark !== JSON.stringify(before)) await ledger.setMark(SEARCH_MARK, mark);
}

function logRows({ log }: Needs, rows: readonly UnreadableRow[]): void {
  for (const { table, key, wrong } of rows.slice(0, LOGGED_MAX)) {
    log("row_unreadable", { table, key, wrong, see: "troupe repair" });
  }
}

function searchIn(mark: string | undefined): Search {
  const { from, found, loggedAtMs, cleanAtMs } = Object(parseJson(mark ?? "")) as { [key in keyof Search]?: unknown };
  const number = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : 0);
  return {
    ...(typeof from === "string" ? { from } : {}),
    found: number(found),
    loggedAtMs: number(loggedAtMs),
    ...(typeof cleanAtMs === "number" ? { cleanAtMs } : {}),
  };
}
