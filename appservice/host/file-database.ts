/**
 * A libSQL file with statements prepared once: half of what a message costs in a ledger's file would otherwise be SQL
 * read again. Everything is synchronous, so two statements never meet on one connection.
 */
import { readMigrationFiles } from "drizzle-orm/migrator";
import Libsql from "libsql";
import type { Database, Sql } from "../../worker/ledger/sql/database.ts";

export interface FileDatabase extends Omit<Database, "namespace"> {
  close(): void;
}

/** The ledger has some sixty statements; with lists of rows they are a few more. */
const PREPARED_MAX = 500;

/**
 * `FULL` waits for the disk at every commit (in WAL mode one fsync), `NORMAL` does not: that outlives any crash of ours,
 * while a power cut may take the last of it back.
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
    // All of them, always: a statement left in the middle would hold its view of the file open.
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
        // Some failures have ended the transaction themselves.
        if (file.inTransaction) command("ROLLBACK");
        throw error;
      }
    },
    close: () => void file.close(),
  };
}

/**
 * Brings a file up to date, forward only: each migration once, all of them in one transaction, and whoever else tries
 * meanwhile waits and then finds them done. Throws when the file is not a database or cannot be written.
 */
export function migrateFile(path: string, migrationsFolder: string): void {
  const file = new Libsql(path);
  try {
    file.exec("PRAGMA busy_timeout = 30000");
    file.exec("BEGIN IMMEDIATE");
    // The table and its columns are drizzle's, so that its own tools go on understanding the file.
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
