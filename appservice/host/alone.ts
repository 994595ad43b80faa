/**
 * A lock on the data folder, for one process at a time: an exclusive transaction on a small database beside the ledger. The
 * operating system releases it when the process dies.
 */
import { join } from "node:path";
import Libsql from "libsql";

/** The lock; `leave` releases it. */
export interface Alone {
  leave(): void;
}

/** Undefined while another process has the lock, as during a deployment. Throws where the folder cannot be written. */
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
