/**
 * Whether this process has its data folder to itself: an open exclusive transaction on a small database beside the
 * ledger. The operating system takes the lock back when the process dies, however it dies.
 */
import { join } from "node:path";
import Libsql from "libsql";

export interface Alone {
  leave(): void;
}

/** Undefined when another process serves this folder, as during a deployment. Throws when the folder cannot be written. */
export function aloneIn(folder: string): Alone | undefined {
  const file = new Libsql(join(folder, "alone.db"));
  try {
    file.exec("BEGIN EXCLUSIVE");
    return { leave: () => file.close() };
  } catch (error) {
    file.close();
    if (error instanceof Error && "code" in error && error.code === "SQLITE_BUSY") return undefined;
    throw error;
  }
}
