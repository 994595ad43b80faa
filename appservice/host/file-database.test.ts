/** The ledger on a file as the Node host opens it: what only a file can do. Its contract is in durability.test.ts. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Libsql from "libsql";
import { afterEach, describe, expect, test } from "vitest";
import { anEvent } from "#testing/events.ts";
import { NAMESPACE, NOW } from "#testing/ledger-rows.ts";
import { migrateFile, openFile } from "./file-database.ts";
import { fileLedger } from "./ledger.ts";
import { aloneIn } from "./locks/file-lock.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "troupe-file-"));
  closing.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
function opened(path = join(folder(), "troupe.db")) {
  const open = fileLedger(path, NAMESPACE);
  closing.push(() => open.close());
  return open.ledger;
}

describe("a file", () => {
  const push = (id: string) => ({
    events: [anEvent({ event_id: id })],
    deadLetters: [],
    nowMs: NOW,
  });

  test("is migrated once, also by two processes at a time", async () => {
    const path = join(folder(), "troupe.db");
    const [first, second] = [opened(path), opened(path)];
    await first.accept(push("$one"));
    expect(await second.dueLanes(NOW, 10)).toHaveLength(1);
    const file = new Libsql(path);
    closing.push(() => file.close());
    const once = "SELECT count(*) > 0 AND count(*) = count(DISTINCT created_at) FROM __drizzle_migrations";
    expect(file.prepare(once).raw(true).all()).toEqual([[1]]);
  });

  test("that is no database is an error, and is not changed", () => {
    const path = join(folder(), "troupe.db");
    writeFileSync(path, "these are not the tables you are looking for".repeat(100));
    expect(() => opened(path)).toThrow(/not a database/);
    expect(existsSync(path)).toBe(true);
  });

  test("a batch that fails in its middle leaves nothing behind, and the next one works", async () => {
    const path = join(folder(), "troupe.db");
    migrateFile(path, "./migrations");
    const { all, close } = openFile(path, "FULL");
    closing.push(close);
    const run = (text: string) => all({ text, values: [] });
    await run("CREATE TABLE t (id integer PRIMARY KEY)");
    const { ledger } = fileLedger(path, NAMESPACE);
    await run("CREATE TRIGGER no BEFORE INSERT ON dead_letters BEGIN SELECT raise(ROLLBACK, 'no room'); END");
    const both = { ...push("$two"), deadLetters: [{ kind: "event" as const, reason: "r", raw: "x" }] };
    await expect(ledger.accept(both)).rejects.toThrow(/no room/);
    expect(await ledger.dueLanes(NOW, 10)).toEqual([]);
    await run("DROP TRIGGER no");
    await ledger.accept(both);
    expect(await ledger.dueLanes(NOW, 10)).toHaveLength(1);
  });
});

describe("a data folder", () => {
  test("is locked by one process, and by the next after that has left", () => {
    const path = folder();
    const first = aloneIn(path);
    expect(first).toBeDefined();
    expect(aloneIn(path)).toBeUndefined();
    first?.leave();
    const second = aloneIn(path);
    expect(second).toBeDefined();
    second?.leave();
  });

  test("that does not exist is an error, not a lock of another process", () => {
    expect(() => aloneIn(join(folder(), "nowhere"))).toThrow();
  });
});
