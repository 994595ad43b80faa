/**
 * The ledger's contract on a file with two connections, and which of its writes wait for the disk: the promises to the
 * homeserver, to operators and to users.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { Ledger } from "#ports/ledger.ts";
import { NAMESPACE } from "#testing/ledger-rows.ts";
import { ledgerContract } from "../../worker/ledger/ledger.contract.ts";
import { createLedger } from "../../worker/ledger/ledger.ts";
import type { Database, Sql } from "../../worker/ledger/sql/database.ts";
import { migrateFile, openFile } from "./file-database.ts";
import { onTwoConnections } from "./ledger.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

/** The method of the ledger that is running. */
const running = new AsyncLocalStorage<string>();
type Connection = Omit<Database, "namespace">;

/** Writes of each method, counted. */
type Writes = Map<string, number>;
const [durable, relaxed]: [Writes, Writes] = [new Map(), new Map()];

const isWrite = ({ text }: Sql): boolean => /\b(INSERT|UPDATE|DELETE)\b/.test(text);

function counting(connection: Connection, writes: Writes): Connection {
  const count = (statements: readonly Sql[]) => {
    const method = running.getStore();
    const more = statements.filter(isWrite).length;
    if (method !== undefined && more > 0) writes.set(method, (writes.get(method) ?? 0) + more);
  };
  return {
    bulk: connection.bulk,
    all(statement) {
      count([statement]);
      return connection.all(statement);
    },
    atomic(statements) {
      count(statements);
      return connection.atomic(statements);
    },
  };
}

/** A ledger on a file, whose methods are known by name while they run. */
function counted(): Ledger {
  const folder = mkdtempSync(join(tmpdir(), "troupe-durable-"));
  const path = join(folder, "troupe.db");
  migrateFile(path, "./migrations");
  const [full, normal] = [openFile(path, "FULL"), openFile(path, "NORMAL")];
  closing.push(() => {
    normal.close();
    full.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const database = onTwoConnections(counting(full, durable), counting(normal, relaxed));
  return new Proxy(createLedger({ ...database, namespace: NAMESPACE }), {
    get: (ledger, name, self) => {
      const method: unknown = Reflect.get(ledger, name, self);
      if (typeof method !== "function") return method;
      return (...given: unknown[]) => running.run(String(name), () => Reflect.apply(method, ledger, given));
    },
  });
}

describe("durability", () => {
  ledgerContract("a file", async () => counted());

  // Last: the contract above has called every method by now.
  test("is promised by these methods, in all of their writes, and by no other", () => {
    expect([...durable.keys()].sort()).toEqual([
      "accept",
      "addDeadLetter",
      "addInviteCode",
      "allow",
      "approve",
      "changeRoomLayer",
      "deny",
      "endOut",
      "endOutAndNext",
      "ignore",
      "ignoreAndNext",
      "putAgent",
      "removeAgent",
      "setAgents",
      "setConfiguration",
      "setGhost",
      "setHome",
      "useInviteCode",
    ]);
    expect([...relaxed.keys()].filter((method) => durable.has(method))).toEqual([]);
    expect(relaxed.size).toBeGreaterThan(15);
  });
});
