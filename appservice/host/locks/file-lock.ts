/**
 * A lock between processes: a transaction on a small database of its own. The operating system releases it when the process
 * dies.
 */
import { join } from "node:path";
import Libsql from "libsql";
import { makePrivate } from "../private-files.ts";

export interface FileLock {
  takeExclusive(): boolean;
  takeShared(): boolean;
  release(): void;
  close(): void;
}

/** `busyMs`: how long taking it waits, without a break for anything else, while another process is in the way. */
export function openLock(path: string, busyMs: number): FileLock {
  makePrivate(path);
  const file = new Libsql(path);
  file.exec(`PRAGMA busy_timeout = ${busyMs}`);
  const release = () => {
    if (file.inTransaction) file.exec("ROLLBACK");
  };
  const take = (...commands: string[]): boolean => {
    try {
      for (const command of commands) file.exec(command);
      return true;
    } catch (error) {
      release();
      if (error instanceof Error && "code" in error && error.code === "SQLITE_BUSY") return false;
      throw error;
    }
  };
  return {
    takeExclusive: () => take("BEGIN EXCLUSIVE"),
    // A transaction that only reads holds the lock shared.
    takeShared: () => take("BEGIN", "SELECT count(*) FROM sqlite_master"),
    release,
    close() {
      release();
      file.close();
    },
  };
}

export const ALONE_FILE = "alone.db";

/** A folder for one process at a time; undefined while another one has it. Throws where the folder cannot be written. */
export function aloneIn(folder: string): { leave(): void } | undefined {
  const lock = openLock(join(folder, ALONE_FILE), 0);
  if (lock.takeExclusive()) return { leave: () => lock.close() };
  lock.close();
  return undefined;
}
