/** The search for rows that cannot be read, and their mending: each row alone, in whatever order. */
import { BOUNDS } from "#core/bounds.ts";
import type { DamagedRow, OperatorLedger, SearchedRows } from "#ports/operator.ts";
import { sql } from "../sql/database.ts";
import type { NotingDatabase } from "../sql/noted.ts";
import { setMark, UNREADABLE_MARK } from "../upkeep/marks.ts";
import { at, type Inspection, keyOf, type Row, select } from "./inspection.ts";
import { PLACES } from "./places.ts";
import { WORK } from "./work.ts";

const ALL: readonly Inspection[] = [...PLACES, ...WORK];

type Found = Row & { place: number };
type Repair = Pick<OperatorLedger, "searchDamaged" | "countDamaged" | "mendDamaged" | "takeNoted">;

export function repair(database: NotingDatabase): Repair {
  const { all, atomic, namespace, noted } = database;
  return {
    searchDamaged: (from, extent) => search(database, from, extent),

    async countDamaged(count) {
      await all(setMark(UNREADABLE_MARK, count));
    },

    takeNoted: (nowMs) => noted.take(nowMs),

    async mendDamaged(id, nowMs) {
      const named = placeOf(id);
      const inspection = ALL.find(({ table }) => table === named?.table);
      if (!named || !inspection) return undefined;
      const [row] = await all<Found>(select(inspection, at(named.place), 1));
      const wrong = row && inspection.wrong(row);
      if (!row || wrong === undefined) return undefined;
      const { after, statements, reread } = inspection.mend(row, named.place, { namespace, nowMs });
      await atomic(statements, "durable");
      const mended = { id, table: named.table, key: keyOf(inspection, row), wrong, after };
      return reread ? { ...mended, reread } : mended;
    },
  };
}

/** Looks at tables one after another, until it has looked at enough. A page of long rows counts as one of short ones. */
async function search({ all }: NotingDatabase, from: string | undefined, extent: "all" | "quick") {
  const wanted = extent === "all" ? ALL : ALL.filter(({ isLarge }) => !isLarge);
  const found: SearchedRows = { rows: [] };
  let begin = placeOf(from ?? "");
  let pages = 0;
  for (const inspection of wanted.slice(startOf(wanted, begin?.table))) {
    const { page, table } = inspection;
    let after: number | undefined = begin?.place ?? 0;
    begin = undefined;
    while (after !== undefined) {
      if (++pages > BOUNDS.searchedPages.max) return { ...found, next: nameOf(table, after) };
      const rows: Found[] = await all<Found>(select(inspection, sql`rowid > ${after}`, page));
      found.rows.push(...rows.flatMap((row) => damageOf(inspection, row)));
      after = rows.length < page ? undefined : rows.at(-1)?.place;
    }
  }
  return found;
}

function damageOf(inspection: Inspection, row: Found): DamagedRow[] {
  const wrong = inspection.wrong(row);
  if (wrong === undefined) return [];
  const { table } = inspection;
  return [{ id: nameOf(table, row.place), table, key: keyOf(inspection, row), wrong, now: inspection.now(row) }];
}

const nameOf = (table: string, place: number): string => `${table}:${place}`;

function placeOf(name: string): { table: string; place: number } | undefined {
  const [, table, place] = name.match(/^([a-z_]+):(-?\d+)$/) ?? [];
  return table === undefined ? undefined : { table, place: Number(place) };
}

/** The beginning, where the place is in no table of them: another version named it. */
const startOf = (among: readonly Inspection[], table: string | undefined): number =>
  Math.max(
    among.findIndex((one) => one.table === table),
    0,
  );
