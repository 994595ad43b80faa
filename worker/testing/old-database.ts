/** The database that commit c884e11 left in the middle of its work (fixtures/c884e11.mjs says what is in it). */

/** When it was written, milliseconds since the epoch. */
const WRITTEN_AT_MS = 1_790_000_000_000;
const TIME = /\b1790000\d{6}\b/g;

/** Its statements in their order, with all times moved as if it had been written at `atMs`. */
export const oldStatements = (dump: string, atMs: number): string[] =>
  dump
    .replaceAll(TIME, (time) => String(Number(time) - WRITTEN_AT_MS + atMs))
    .trim()
    .split("\n");

/** The rows alone, for a database that has the tables of the old version already. */
export const oldRows = (dump: string, atMs: number): string[] =>
  oldStatements(dump, atMs).filter((line) => line.startsWith("INSERT") && !line.includes("__drizzle_migrations"));
