/** The tables of the schema, whichever file they are in. */
import { globSync } from "node:fs";
import { resolve } from "node:path";
import type { Client } from "@libsql/client";
import { is } from "drizzle-orm";
import { getTableConfig, SQLiteTable } from "drizzle-orm/sqlite-core";

export async function tablesOfSchema(): Promise<SQLiteTable[]> {
  const files = globSync("worker/ledger/schema/*.ts");
  const modules = await Promise.all(files.map((file): Promise<object> => import(/* @vite-ignore */ resolve(file))));
  return modules.flatMap((module) => Object.values(module)).filter((table) => is(table, SQLiteTable));
}

/** All rows of all tables, as JSON. */
export async function everyRow(client: Client): Promise<string> {
  const names = (await tablesOfSchema()).map((table) => getTableConfig(table).name);
  const tables = await Promise.all(names.map(async (name) => (await client.execute(`SELECT * FROM ${name}`)).rows));
  return JSON.stringify(tables);
}
