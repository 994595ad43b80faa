/**
 * Kind 10: the file of the database is locked by another process, or replaced under us. Every connection of this test that
 * holds a lock could be `sqlite3` in a shell: SQLite makes no difference between connections and processes.
 *
 * @see https://github.com/tursodatabase/libsql-client-ts/issues/352 a statement that failed with SQLITE_BUSY stays in progress
 * @see https://github.com/oven-sh/bun/pull/33748 a transaction whose COMMIT failed stays open
 * @see https://www.sqlite.org/howtocorrupt.html#unlinking_or_renaming_a_database_file_while_in_use
 */
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Libsql from "libsql";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Environment } from "#core/configuration/environment.ts";
import { type Sql, sql } from "../../worker/ledger/sql/database.ts";
import { type FileDatabase, openFile } from "./file-database.ts";
import { openLedger } from "./ledger.ts";

const closing: (() => void)[] = [];
let path: string;
let other: Libsql.Database;
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-locked-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  path = join(folder, "troupe.db");
  other = another();
  other.exec("PRAGMA journal_mode = WAL");
  other.exec("CREATE TABLE t (id integer PRIMARY KEY, word text NOT NULL)");
  other.exec("INSERT INTO t (word) VALUES ('first')");
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0).reverse()) close();
});

function another(at = path): Libsql.Database {
  const file = new Libsql(at);
  closing.push(() => void file.close());
  return file;
}
function opened(options: Parameters<typeof openFile>[2] = { waitMs: 200 }): FileDatabase {
  const database = openFile(path, "FULL", options);
  closing.push(() => database.close());
  return database;
}
const settingsIn = (folder: string) =>
  Environment.parse({
    SERVER_NAME: "hs.test",
    AS_TOKEN: "as-token-of-tests",
    HS_TOKEN: "hs-token-of-tests",
    DATA_DIR: folder,
  });
const plain = (text: string) => ({ text, values: [] });
const insert = (word: string) => sql`INSERT INTO t (word) VALUES (${word})`;
/** The rows as another process reads them, so that nothing counts that is not committed. */
const words = (file = other) =>
  file
    .prepare("SELECT word FROM t ORDER BY id")
    .all([])
    .map((row) => (row as { word: string }).word);
/** Throws where somebody else still holds the lock. */
const expectUnlocked = () => {
  other.exec("BEGIN IMMEDIATE");
  other.exec("ROLLBACK");
};

const meeting = (statement: Sql) => ({
  name: statement.text,
  isAnswered: statement.text === "SELECT word FROM t",
  meet: ({ all }: FileDatabase) => all(statement),
});
const MEETINGS = [
  meeting(sql`INSERT INTO t (id, word) VALUES (9, ${"refused"})`),
  meeting(sql`UPDATE t SET word = ${"refused"} RETURNING id`),
  meeting(plain("BEGIN IMMEDIATE")),
  meeting(plain("BEGIN EXCLUSIVE")),
  // Readers do not wait for a writer.
  meeting(plain("SELECT word FROM t")),
  // These fail without any lock: within the rows, before them, and by a constraint.
  meeting(plain("SELECT abs(-9223372036854775807 - id) AS n FROM t")),
  meeting(plain("SELECT word FROM nowhere")),
  meeting(plain("INSERT INTO t (word) VALUES (NULL)")),
  { name: "a batch", isAnswered: false, meet: ({ atomic }: FileDatabase) => atomic([insert("refused")]) },
];

describe.each(["IMMEDIATE", "EXCLUSIVE"])("kind 10: after the lock of BEGIN %s was met by", (mode) => {
  test.each(MEETINGS)("$name, writes are stored and the lock is free", async ({ meet, isAnswered }) => {
    for (const first of ["a batch", "a single write"]) {
      const database = opened();
      other.exec(`BEGIN ${mode}`);
      if (isAnswered) expect(await meet(database)).toHaveLength(words().length);
      else await expect(meet(database)).rejects.toThrow();
      other.exec("ROLLBACK");
      const before = words();
      if (first === "a batch") await database.atomic([insert("batch"), sql`SELECT 1`]);
      await database.all(insert("single"));
      await database.atomic([insert("batch")]);
      expect(words()).toEqual([...before, ...(first === "a batch" ? ["batch"] : []), "single", "batch"]);
      expectUnlocked();
    }
  });
});

describe("kind 10: a lock of another process", () => {
  test("is waited for while other work goes on", async () => {
    const { all, atomic } = opened({ waitMs: 5_000 });
    other.exec("BEGIN IMMEDIATE");
    const writing = Promise.all([atomic([insert("second")]), all(insert("third"))]);
    let beats = 0;
    const heart = setInterval(() => beats++, 5);
    await new Promise((resolve) => setTimeout(resolve, 400));
    clearInterval(heart);
    other.exec("ROLLBACK");
    await writing;
    expect(beats).toBeGreaterThan(15);
    expect(words().sort()).toEqual(["first", "second", "third"]);
  });

  test("for a minute keeps no transaction, no statement and no file open", async () => {
    const { all, atomic } = opened({ waitMs: 0 });
    other.exec("BEGIN IMMEDIATE");
    const connections = vi.spyOn(Libsql.prototype, "close");
    for (let n = 0; n < 50; n++) await Promise.allSettled([all(insert("no")), atomic([insert("no")])]);
    expect(connections).not.toHaveBeenCalled();
    other.exec("ROLLBACK");
    await all(insert("second"));
    expect(words()).toEqual(["first", "second"]);
  });

  test("is waited for at the start too, for longer than a call waits, without blocking for long", async () => {
    const folder = join(path, "..");
    await (await openLedger(settingsIn(folder))).close();
    other.exec("BEGIN IMMEDIATE");
    const startedAt = performance.now();
    setTimeout(() => other.exec("ROLLBACK"), 3_500);
    const ledger = await openLedger(settingsIn(folder));
    expect(performance.now() - startedAt).toBeGreaterThan(3_000);
    ledger.close();
  });

  test("that a commit fails on is followed by a new connection, and the batch is not half there", async () => {
    const { atomic } = opened();
    const exec = Libsql.prototype.exec;
    const busy = Object.assign(new Error("cannot commit transaction - SQL statements in progress"), {
      code: "SQLITE_BUSY",
    });
    let failures = 0;
    vi.spyOn(Libsql.prototype, "exec").mockImplementation(function (this: Libsql.Database, text) {
      if (text === "COMMIT" && failures++ === 0) throw busy;
      return exec.call(this, text);
    });
    const closed = vi.spyOn(Libsql.prototype, "close");
    await atomic([insert("second")]);
    expect([failures, closed.mock.calls.length]).toEqual([2, 1]);
    expect(words()).toEqual(["first", "second"]);
  });
});

describe("kind 10: a file that is replaced under us", () => {
  const copy = () => join(path, "..", "copy.db");
  const makeCopy = () => {
    other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    copyFileSync(path, copy());
  };
  const opening = () => {
    const place = { replaced: 0, onReplaced: vi.fn() };
    return { ...opened({ waitMs: 200, place }), place };
  };

  test("is written to, and not the old one nor its log", async () => {
    const { atomic, place } = opening();
    makeCopy();
    await atomic([insert("lost with the old file")]);
    renameSync(copy(), path);
    await atomic([insert("second")]);
    expect(place.onReplaced).toHaveBeenCalledOnce();
    expect(words(another())).toEqual(["first", "second"]);
    expect(another().prepare("PRAGMA integrity_check").raw(true).all([])).toEqual([["ok"]]);
  });

  test("is written to by both connections of the process", async () => {
    const { atomic, place } = opening();
    const relaxed = openFile(path, "NORMAL", { waitMs: 200, place });
    closing.push(() => relaxed.close());
    await relaxed.all(insert("before"));
    makeCopy();
    await relaxed.all(insert("lost with the old file"));
    renameSync(copy(), path);
    await atomic([insert("second")]);
    await relaxed.all(insert("third"));
    expect(words(another())).toEqual(["first", "before", "second", "third"]);
  });

  test("is written to when it is only read and written now and then", async () => {
    const relaxed = openFile(path, "NORMAL", { waitMs: 200 });
    closing.push(() => relaxed.close());
    makeCopy();
    await relaxed.all(insert("lost with the old file"));
    renameSync(copy(), path);
    const later = performance.now() + 2_000;
    vi.spyOn(performance, "now").mockImplementation(() => later);
    await relaxed.all(insert("second"));
    expect(words(another())).toEqual(["first", "second"]);
  });

  test("by nothing is an error and no new file, until it is back", async () => {
    const { atomic } = opening();
    await atomic([insert("second")]);
    const away = copy();
    renameSync(path, away);
    for (let n = 0; n < 2; n++) await expect(atomic([insert("refused")])).rejects.toThrow(/is gone/);
    expect(words(another(away)).slice(0, 2)).toEqual(["first", "second"]);
    renameSync(away, path);
    await atomic([insert("third")]);
    expect(words(another()).filter((word) => word !== "refused")).toEqual(["first", "second", "third"]);
  });

  test("by something that is no database is an error, until it is one", async () => {
    const { atomic } = opening();
    makeCopy();
    writeFileSync(`${path}.new`, "this is no database, and never was one. ".repeat(200));
    renameSync(`${path}.new`, path);
    for (let n = 0; n < 2; n++) await expect(atomic([insert("refused")])).rejects.toThrow(/not a database/);
    renameSync(copy(), path);
    await atomic([insert("second")]);
    expect(words(another())).toEqual(["first", "second"]);
  });

  test("twenty times, as it seems on a file system without stable numbers, is not looked at any more", async () => {
    const place = { replaced: 20, onReplaced: vi.fn() };
    const { atomic } = opened({ waitMs: 200, place });
    makeCopy();
    renameSync(copy(), path);
    await atomic([insert("second")]);
    expect([place.replaced, place.onReplaced.mock.calls.length]).toEqual([20, 0]);
  });

  test("whose log alone was deleted keeps what was written meanwhile", async () => {
    const { atomic } = opening();
    await atomic([insert("second")]);
    rmSync(`${path}-wal`);
    await atomic([insert("third")]);
    await atomic([insert("fourth")]);
    expect(new Set(words(another()))).toEqual(new Set(["first", "second", "third", "fourth"]));
  });
});
