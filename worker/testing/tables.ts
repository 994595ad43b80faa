/** The tables of the schema, whichever file they are in. */
import { globSync } from "node:fs";
import { resolve } from "node:path";
import { is } from "drizzle-orm";
import { SQLiteTable } from "drizzle-orm/sqlite-core";

export async function tablesOfSchema(): Promise<SQLiteTable[]> {
  const files = globSync("worker/ledger/schema/*.ts");
  const modules = await Promise.all(files.map((file): Promise<object> => import(/* @vite-ignore */ resolve(file))));
  return modules.flatMap((module) => Object.values(module)).filter((table) => is(table, SQLiteTable));
}
