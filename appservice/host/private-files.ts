/** Files that only the process's user may read: prompts, answers and keys are in them. */
import { chmodSync, closeSync, existsSync, openSync, statSync } from "node:fs";
import { EnvironmentError } from "./environment.ts";

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/** SQLite keeps these files beside a database, and gives a new one the mode of the database. */
const SUFFIXES = ["", "-wal", "-shm", "-journal"];

/** From now on, files this process creates are its user's alone, whatever the folder's mode is. */
export function createPrivately(): void {
  process.umask(OTHERS);
}

/** Makes a database and what lies beside it its owner's alone, also when it exists already. Throws where that is refused. */
export function makePrivate(database: string): void {
  if (!existsSync(database)) closeSync(openSync(database, "a", OWNER_ONLY));
  for (const file of SUFFIXES.map((suffix) => `${database}${suffix}`)) if (isReadByOthers(file)) close(file);
}

/** True also where a file system has no modes, so that they cannot be set. */
export const isReadByOthers = (file: string): boolean =>
  process.platform !== "win32" && ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & OTHERS) !== 0;

function close(file: string): void {
  try {
    chmodSync(file, OWNER_ONLY);
  } catch (error) {
    // SQLite has deleted the file in the meantime.
    if (!existsSync(file)) return;
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new EnvironmentError(
      `Other users of this machine can read ${file}, and its mode cannot be changed (${code}). Make it yours (chown), or set DATA_DIR to another folder.`,
    );
  }
}
