/**
 * Kind 10 over HTTP: a libSQL server that hangs, cuts, restarts, or whose proxy answers for it. The fake speaks Hrana on a
 * real file.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@libsql/client/web";
import Libsql from "libsql";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type HranaMood, type HranaServer, startHranaServer } from "#testing/hrana-server.ts";
import { NAMESPACE } from "#testing/ledger-rows.ts";
import { type Database, sql } from "./sql/database.ts";
import { libsqlDatabase } from "./sql/libsql.ts";
import { fetchWithin } from "./sql/within.ts";

const LIMIT_MS = 1_000;
let server: HranaServer;
let database: Database;
let file: Libsql.Database;
let end: () => Promise<void>;
beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-remote-"));
  const path = join(folder, "server.db");
  file = new Libsql(path);
  file.exec("PRAGMA journal_mode = WAL");
  file.exec("CREATE TABLE t (id integer PRIMARY KEY, word text NOT NULL)");
  server = await startHranaServer(path);
  const client = createClient({ url: server.url, fetch: fetchWithin(LIMIT_MS) });
  database = libsqlDatabase(client, NAMESPACE);
  end = async () => {
    client.close();
    file.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
});
afterEach(() => end());

const insert = (word: string) => sql`INSERT INTO t (word) VALUES (${word}) RETURNING id`;
const words = async () => (await database.all<{ word: string }>(sql`SELECT word FROM t`)).map(({ word }) => word);

describe("kind 10: a libSQL server over HTTP", () => {
  test.for<[mood: HranaMood, message: RegExp]>([
    ["hangs", /did not answer within 1 s/],
    ["cuts", /./],
    ["busy", /503/],
    ["down", /fetch failed/],
  ])("that %s fails all calls meanwhile and none afterwards, the first one included", async ([mood, message]) => {
    await database.atomic([insert("before")]);
    await server.become(mood);
    const calls = Array.from({ length: 30 }, (_, n) =>
      n % 2 ? database.all(sql`SELECT ${n} AS n`) : database.atomic([sql`SELECT ${n} AS n`, sql`SELECT 1`]),
    );
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: "rejected", reason: { message: expect.stringMatching(message) } });
    }
    await server.become("well");
    const [[row] = []] = await database.atomic([insert("after")]);
    expect(row).toEqual({ id: 2 });
    expect(await words()).toEqual(["before", "after"]);
  });

  test("that restarts between two calls is not noticed", async () => {
    await database.atomic([insert("before")]);
    await server.become("down");
    await server.become("well");
    await database.atomic([insert("after")]);
    expect(await words()).toEqual(["before", "after"]);
  });

  test("whose file is locked stores all of a batch or nothing, and keeps no transaction", async () => {
    file.exec("BEGIN IMMEDIATE");
    await expect(database.atomic([insert("no"), insert("no")])).rejects.toThrow(/locked/);
    await expect(database.all(insert("no"))).rejects.toThrow(/locked/);
    file.exec("ROLLBACK");
    await database.atomic([insert("one"), insert("two")]);
    expect(await words()).toEqual(["one", "two"]);
    file.exec("BEGIN IMMEDIATE");
    file.exec("ROLLBACK");
  });
});

test("kind 10: a WebSocket that nothing comes from is given up after the limit, and the next call opens another", async () => {
  let connections = 0;
  const silent = createServer((socket) => {
    connections++;
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const client = createClient({ url: `ws://127.0.0.1:${(silent.address() as AddressInfo).port}` });
  const socket = libsqlDatabase(client, NAMESPACE, LIMIT_MS);
  for (const call of [() => socket.all(sql`SELECT 1`), () => socket.atomic([sql`SELECT 1`])]) {
    const before = connections;
    await expect(call()).rejects.toThrow(/did not answer within 1 s/);
    await vi.waitFor(() => expect(connections).toBeGreaterThan(before));
  }
  client.close();
  silent.close();
});
