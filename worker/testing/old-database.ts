/** The databases that earlier versions left in the middle of their work (`fixtures/<version>.mjs` says what is in them). */

export type OldVersion = "c884e11" | "e937870";

/** What differs between the dumps. */
export interface OldDatabase {
  /** The commit that wrote it. */
  version: OldVersion;
  /** How many migrations it had. */
  migrations: number;
  frozenRows: number;
  /** The device with which the draft is sent that was not sent yet. */
  draftDevice: string;
  /** The prompts of the turn that has merged another one. */
  merged: readonly string[];
}

export const OLD_VERSIONS: readonly OldDatabase[] = [
  { version: "c884e11", migrations: 4, frozenRows: 5, draftDevice: "TROUPE", merged: ["one\n\ntwo"] },
  { version: "e937870", migrations: 5, frozenRows: 2, draftDevice: "PHONE", merged: ["one", "two"] },
];

/** When they were written, milliseconds since the epoch. */
const WRITTEN_AT_MS = 1_790_000_000_000;
const TIME = /\b1790000\d{6}\b/g;

/** The statements of a dump in their order, with all times moved as if it had been written at `atMs`. */
export const oldStatements = (dump: string, atMs: number): string[] =>
  dump
    .replaceAll(TIME, (time) => String(Number(time) - WRITTEN_AT_MS + atMs))
    .trim()
    .split("\n");

/** The rows alone, for a database that has the tables of the old version already. */
export const oldRows = (dump: string, atMs: number): string[] =>
  oldStatements(dump, atMs).filter((line) => line.startsWith("INSERT") && !line.includes("__drizzle_migrations"));
