/** Records each call to a ledger's database: one `all` or one `atomic`, which is one round trip on D1. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Ledger } from "#ports/ledger.ts";
import type { Database, Sql } from "../ledger/sql/database.ts";

export interface DatabaseCall {
  /** The ledger's method that made the call. */
  method: string;
  /** The text of each statement, in order. */
  statements: readonly string[];
}

const methodName = new AsyncLocalStorage<string>();

/** A database that adds every call to `calls` before it makes it. */
export function recordedDatabase(database: Database, calls: DatabaseCall[]): Database {
  const record = (statements: readonly Sql[]): void => {
    calls.push({ method: methodName.getStore() ?? "?", statements: statements.map(({ text }) => text) });
  };
  return {
    ...database,
    all(statement) {
      record([statement]);
      return database.all(statement);
    },
    atomic(statements) {
      // The drivers answer an empty batch without a round trip.
      if (statements.length > 0) record(statements);
      return database.atomic(statements);
    },
  };
}

/** A ledger whose methods give their name to the calls that `recordedDatabase` records. */
export function namingLedger(ledger: Ledger): Ledger {
  return new Proxy(ledger, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...given: unknown[]) => methodName.run(String(name), () => Reflect.apply(method, target, given));
    },
  });
}

/** The calls as lines: the method, and the first words of each of its statements. */
export const callLines = (calls: readonly DatabaseCall[]): string[] =>
  calls.map(({ method, statements }, at) => `${at + 1}. ${method}: ${statements.map(firstWords).join("; ")}`);

const FIRST_WORDS = 60;

/** The first 60 characters of a statement, on one line. */
export const firstWords = (statement: string): string => statement.trim().replace(/\s+/g, " ").slice(0, FIRST_WORDS);
