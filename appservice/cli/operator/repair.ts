/** `troupe repair`: lists the rows of the bridge's database that cannot be read, and mends them. */
import * as z from "zod/v4";
import { EnvironmentError } from "../../host/environment.ts";
import { askBridge, pagesOf } from "../api/ask.ts";
import { type Where, whereIsBridge } from "../api/where.ts";
import { UsageError } from "../terminal/complain.ts";
import { confirm, plain, say } from "../terminal/terminal.ts";

const Damaged = z.object({ id: z.string(), table: z.string(), key: z.string(), wrong: z.string(), now: z.string() });
type Damaged = z.infer<typeof Damaged>;
const Found = z.object({ rows: z.array(Damaged) });
const Mended = z.object({ mended: z.boolean(), after: z.string().optional() });

interface Options {
  url?: string;
  apply?: boolean;
  yes?: boolean;
  json?: boolean;
}

export async function repair({ url, apply, yes, json }: Options): Promise<void> {
  const where = whereIsBridge(url);
  const rows = await search(where);
  const mends = apply === true || yes === true;
  if (!json) for (const row of rows) tell(row);
  if (rows.length === 0 || !mends) {
    say(json ? JSON.stringify({ rows }) : summary(rows));
    return;
  }
  await confirmed(yes === true, rows);
  await mend(where, rows, json === true);
}

const summary = (rows: readonly Damaged[]): string =>
  rows.length === 0 ? "Every row can be read." : `${count(rows)} cannot be read; --apply mends them.`;

async function confirmed(yes: boolean, rows: readonly Damaged[]): Promise<void> {
  const isConfirmed = yes || (await confirm(`Mend ${rows.length === 1 ? "this row" : `these ${count(rows)}`}?`));
  if (isConfirmed === undefined) {
    throw new UsageError("Nothing was changed. Without a terminal, confirm with --apply --yes.");
  }
  if (!isConfirmed) throw new EnvironmentError("Nothing was changed.");
}

/** Part by part, until the search is at its end. */
async function search(where: Where): Promise<Damaged[]> {
  const rows: Damaged[] = [];
  for await (const page of pagesOf(where, "repair")) rows.push(...Found.parse(page).rows);
  return rows;
}

async function mend(where: Where, rows: readonly Damaged[], json: boolean): Promise<void> {
  const done: (Damaged & z.infer<typeof Mended>)[] = [];
  for (const row of rows) {
    const answer = Mended.parse(await askBridge(where, "POST", "repair", { id: row.id }));
    done.push({ ...row, ...answer });
    if (!json) say(`${nameOf(row)}: ${plain(answer.after ?? "It can be read by now.")}`);
  }
  const mended = done.filter((row) => row.mended);
  if (json) say(JSON.stringify({ rows: done }));
  else say(`Mended ${count(mended)}.`);
}

function tell(row: Damaged): void {
  say(`${nameOf(row)}: ${plain(row.wrong)}`);
  say(`  ${plain(row.now)}`);
}

const nameOf = ({ table, key }: Damaged): string => plain(`${table} ${key}`.trim());
const count = (rows: readonly unknown[]): string => (rows.length === 1 ? "1 row" : `${rows.length} rows`);
