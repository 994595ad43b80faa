/**
 * A libSQL file as a database. Statements are prepared once: parsing SQL would be half of the cost of a message. All calls
 * are synchronous, so statements on one connection never overlap. Only the wait for a lock of another process is not.
 *
 * A statement that fails with SQLITE_BUSY stays in progress. Until it is reset no commit on its connection succeeds, and a
 * write outside a transaction looks stored, is not, and keeps the lock; libsql 0.5 resets it only when it is run again. So
 * every write is in a transaction whose BEGIN and COMMIT are not kept, and a connection on which a statement failed is
 * thrown away.
 *
 * @see https://github.com/tursodatabase/libsql-client-ts/issues/352
 * @see https://github.com/tursodatabase/libsql-js/pull/238
 */
import { existsSync, rmSync, statSync } from "node:fs";
import { readMigrationFiles } from "drizzle-orm/migrator";
import Libsql from "libsql";
import type { Database, Sql } from "../../worker/ledger/sql/database.ts";
import { isBusy, whileBusy } from "./locks/busy.ts";

export interface FileDatabase extends Omit<Database, "namespace"> {
  close(): void;
}

/** `FULL` waits for the disk at every commit (one fsync in WAL mode). A power cut may undo the latest commits of `NORMAL`. */
type Synchronous = "FULL" | "NORMAL";

interface Options {
  /** How long a call waits for the lock of another process. */
  waitMs?: number;
  /** Shared by the connections of a process to one file. */
  place?: Place;
}

/** Where a file is, for all connections of this process: they have to leave it together. */
export interface Place {
  /** How often the file was found replaced. */
  replaced: number;
  /** Called before the first connection to a file that has taken the place of another one, which may be newer. */
  onReplaced?: () => void;
}

/** Less than a homeserver waits for the answer to a transaction, and a monitor for that of `/health`. */
const WAIT_MS = 3_000;
/** SQLite's own wait blocks the whole process. */
const BLOCKED_MS = 10;
/** The ledger has some sixty statements, and some of them a few variants. */
const PREPARED_MAX = 500;
/** For this long, writes that no one outside was promised may go to a file that was replaced. */
const LOOK_MS = 1_000;
/** So often no one replaces a file: the file system gives it a new number each time, and is not asked any more. */
const UNSTABLE_AFTER = 20;

export function openFile(path: string, synchronous: Synchronous, options: Options = {}): FileDatabase {
  const { waitMs = WAIT_MS, place = { replaced: 0 } } = options;
  let connection: Connection | undefined = connect(path, synchronous, place);
  let seen = place.replaced;
  let isClosed = false;

  function leave(): void {
    connection?.close();
    connection = undefined;
  }
  /** A connection to the file that is at the path now. */
  function connected(): Connection {
    if (isClosed) throw new Error("The database is closed.");
    if (seen !== place.replaced) leave();
    if (connection) return connection;
    // SQLite would make an empty one, in the way of whoever is about to put a copy there.
    if (!existsSync(path))
      throw new Error(`The file ${path} is gone. Put it back, or restart to begin with a new one.`);
    if (seen !== place.replaced) place.onReplaced?.();
    connection = connect(path, synchronous, place);
    seen = place.replaced;
    return connection;
  }
  function attempt<T>(work: (on: Connection) => T): T {
    const used = connected();
    try {
      return work(used);
    } catch (error) {
      if (error instanceof Replaced) {
        place.replaced++;
        used.abandon();
      }
      if (error instanceof Replaced || used.isInDoubt()) leave();
      throw error;
    }
  }
  const run = <T>(work: (on: Connection) => T): Promise<T> => whileBusy(waitMs, () => attempt(work), isPassing);
  return {
    bulk: "rows",
    all: async <Row>(statement: Sql) => (await run((on) => on.all(statement))) as Row[],
    atomic: async (statements) =>
      statements.length === 0 ? [] : run((on) => on.transaction((each) => statements.map(each))),
    close() {
      isClosed = true;
      leave();
    },
  };
}

/** Another file has taken the place of the open one, or of its log: what was written last may be lost. */
class Replaced extends Error {}

const isPassing = (error: unknown): boolean => error instanceof Replaced || isBusy(error);

interface Connection {
  /** Runs a single statement. */
  all(statement: Sql): unknown[];
  /** Commits what `work` does with the function it is given, or nothing. */
  transaction<T>(work: (run: (statement: Sql) => unknown[]) => T): T;
  /** True when a failed statement may still be in progress. */
  isInDoubt(): boolean;
  /** It holds no lock from now on. libsql closes its files when the last of its statements is collected. */
  close(): void;
  /** For a file that was replaced: writes its log into it, and takes the log out of the way of the new file. */
  abandon(): void;
}

const WRITES = /\b(INSERT|UPDATE|DELETE|REPLACE)\b/i;

interface Prepared {
  statement: Libsql.Statement;
  isReader: boolean;
  isWrite: boolean;
}

function connect(path: string, synchronous: Synchronous, place: Place): Connection {
  const file = open(path, synchronous);
  const files = inodesAt(path);
  const prepared = new Map<string, Prepared>();
  let inDoubt = false;
  let lookedAt = performance.now();

  const prepare = (text: string): Prepared => {
    const known = prepared.get(text);
    if (known) return known;
    const statement = file.prepare(text);
    const made = { statement, isReader: statement.reader, isWrite: WRITES.test(text) };
    if (prepared.size >= PREPARED_MAX) prepared.clear();
    prepared.set(text, made);
    return made;
  };
  const run = ({ text, values }: Sql): unknown[] => {
    const { statement, isReader } = prepare(text);
    // Always all rows: an unfinished statement would keep its snapshot of the file open.
    if (isReader) return statement.all(values);
    statement.run(values);
    return [];
  };
  const look = () => {
    const now = performance.now();
    if (place.replaced >= UNSTABLE_AFTER || (synchronous === "NORMAL" && now - lookedAt < LOOK_MS)) return;
    lookedAt = now;
    const there = inodesAt(path);
    // The log is made by the first transaction.
    files[1] ??= there[1];
    if (there.some((inode, at) => inode !== files[at])) throw new Replaced(`The file ${path} was replaced.`);
  };
  /** Here `exec`, which keeps no statement: nothing is in progress when the lock is not given. */
  const begin = () => {
    try {
      file.exec("BEGIN IMMEDIATE");
    } catch (error) {
      inDoubt = !isBusy(error);
      throw error;
    }
  };
  const transaction: Connection["transaction"] = (work) => {
    inDoubt = true;
    begin();
    try {
      const done = work(run);
      file.exec("COMMIT");
      inDoubt = false;
      look();
      return done;
    } catch (error) {
      rollBack(file);
      if (isFull(error)) inDoubt = false;
      throw error;
    }
  };
  return {
    transaction,
    all(statement) {
      inDoubt = true;
      const { isReader, isWrite } = prepare(statement.text);
      if (isWrite && !file.inTransaction) return transaction((each) => each(statement));
      if (isReader || statement.values.length > 0) {
        const rows = run(statement);
        inDoubt = false;
        return rows;
      }
      file.exec(statement.text);
      inDoubt = false;
      return [];
    },
    isInDoubt: () => inDoubt,
    close() {
      rollBack(file);
      prepared.clear();
      file.close();
    },
    abandon() {
      rollBack(file);
      abandonLog(file, path, files);
    },
  };
}

function open(path: string, synchronous: Synchronous): Libsql.Database {
  const file = new Libsql(path);
  try {
    for (const pragma of [`busy_timeout = ${BLOCKED_MS}`, "journal_mode = WAL", `synchronous = ${synchronous}`]) {
      file.exec(`PRAGMA ${pragma}`);
    }
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A full disk ends the statement, so that its connection may stay. */
const isFull = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "SQLITE_FULL";

/** Some errors have rolled back already. */
function rollBack(file: Libsql.Database): void {
  try {
    if (file.inTransaction) file.exec("ROLLBACK");
  } catch {
    // The connection is thrown away.
  }
}

/** The files that a connection writes to. The file of the shared index is made anew from the log. */
const WRITTEN = ["", "-wal"];

const inodesAt = (path: string): (number | undefined)[] =>
  WRITTEN.map((suffix) => statSync(`${path}${suffix}`, { throwIfNoEntry: false })?.ino);

/** SQLite would read the log of the old file as that of the new one. */
function abandonLog(file: Libsql.Database, path: string, files: readonly (number | undefined)[]): void {
  try {
    file.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // The rest of the log is not wanted by whoever replaced the file.
  }
  const [, log] = inodesAt(path);
  if (log === undefined || log !== files[1]) return;
  for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
}

/** A second process waits for so long without a break for anything else; whoever calls this tries again. */
const MIGRATION_BUSY_MS = 1_000;

/**
 * Migrates a file: each migration once, all in one transaction. A second process waits, then finds nothing left to do. Throws
 * where the file is not a database or cannot be written.
 */
export function migrateFile(path: string, migrationsFolder: string): void {
  const file = new Libsql(path);
  try {
    file.exec(`PRAGMA busy_timeout = ${MIGRATION_BUSY_MS}`);
    file.exec("BEGIN IMMEDIATE");
    // The same table as drizzle's, so that its tools understand the file.
    file.exec(
      "CREATE TABLE IF NOT EXISTS __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)",
    );
    const [last] = file.prepare("SELECT max(created_at) FROM __drizzle_migrations").raw(true).all();
    const done = Array.isArray(last) ? Number(last[0]) : 0;
    for (const { sql, hash, folderMillis } of readMigrationFiles({ migrationsFolder })) {
      if (folderMillis <= done) continue;
      for (const statement of sql) file.exec(statement);
      file.prepare("INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)").run([hash, folderMillis]);
    }
    file.exec("COMMIT");
  } finally {
    file.close();
  }
}
