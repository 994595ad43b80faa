/**
 * A libSQL file as a database. Statements are prepared once: parsing SQL would be half of the cost of a message. All calls
 * are synchronous, so statements on one connection never overlap.
 */
import { readMigrationFiles } from "drizzle-orm/migrator";
import Libsql from "libsql";
import type { Database, Sql } from "../../worker/ledger/sql/database.ts";

export interface FileDatabase extends Omit<Database, "namespace"> {
  close(): void;
}

/** The ledger has some sixty statements, and some of them a few variants. */
const PREPARED_MAX = 500;

/**
 * `FULL` waits for the disk at every commit (one fsync in WAL mode). `NORMAL` does not: its commits survive any crash of
 * ours, but a power cut may undo the latest.
 */
export function openFile(path: string, synchronous: "FULL" | "NORMAL"): FileDatabase {
  const file = new Libsql(path);
  for (const pragma of ["busy_timeout = 5000", "journal_mode = WAL", `synchronous = ${synchronous}`]) {
    file.exec(`PRAGMA ${pragma}`);
  }
  const prepared = new Map<string, { statement: Libsql.Statement; reader: boolean }>();
  const prepare = (text: string) => {
    const known = prepared.get(text);
    if (known) return known;
    const statement = file.prepare(text);
    const made = { statement, reader: statement.reader };
    if (prepared.size >= PREPARED_MAX) prepared.clear();
    prepared.set(text, made);
    return made;
  };
  const run = ({ text, values }: Sql): unknown[] => {
    const { statement, reader } = prepare(text);
    // Always all rows: an unfinished statement would keep its snapshot of the file open.
    if (reader) return statement.all(values);
    statement.run(values);
    return [];
  };
  const command = (text: string) => prepare(text).statement.run();
  return {
    bulk: "rows",
    all: async <Row>(statement: Sql) => run(statement) as Row[],
    async atomic(statements) {
      if (statements.length === 0) return [];
      command("BEGIN IMMEDIATE");
      try {
        const results = statements.map(run);
        command("COMMIT");
        return results;
      } catch (error) {
        // Some errors have rolled it back already.
        if (file.inTransaction) command("ROLLBACK");
        throw error;
      }
    },
    close: () => void file.close(),
  };
}

/**
 * Migrates a file: each migration once, all in one transaction. A second process waits, then finds nothing left to do. Throws
 * where the file is not a database or cannot be written.
 */
export function migrateFile(path: string, migrationsFolder: string): void {
  const file = new Libsql(path);
  try {
    file.exec("PRAGMA busy_timeout = 30000");
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
