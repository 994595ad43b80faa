/**
 * Runs what happens at the same time in every order of its steps. A step is a call to the database, or whatever waits for
 * its `step()`; between two steps nothing else can come.
 */
import type { Database } from "../ledger/sql/database.ts";

/** Resolves when this is the one to take its next step. */
export type TakeStep = () => Promise<void>;

export type Concurrent = (step: TakeStep) => Promise<unknown>;

/** A database each of whose calls is a step. */
export function steppingDatabase(database: Database, step: TakeStep): Database {
  return {
    ...database,
    async all(statement, durability) {
      await step();
      return database.all(statement, durability);
    },
    async atomic(statements, durability) {
      await step();
      return database.atomic(statements, durability);
    },
  };
}

/** More orders than this are a mistake in the test. */
const ORDERS_MAX = 2_000;

/** Runs all at the same time, once in each order; `prepare` comes before each run and `check` after it. */
export async function inEveryOrder(
  prepare: () => Promise<void>,
  concurrents: readonly Concurrent[],
  check: (order: readonly number[]) => Promise<void>,
): Promise<number> {
  const open: number[][] = [[]];
  let runs = 0;
  for (let order = open.pop(); order; order = open.pop()) {
    if (++runs > ORDERS_MAX) throw new Error(`there are more than ${ORDERS_MAX} orders`);
    await prepare();
    const { taken, choices } = await runInOrder(concurrents, order);
    await check(taken);
    // Beyond the given order the first one that could was taken; the others are runs of their own.
    for (let at = order.length; at < taken.length; at++) {
      for (const other of choices[at] ?? []) if (other !== taken[at]) open.push([...taken.slice(0, at), other]);
    }
  }
  return runs;
}

interface Runner {
  /** Set while it waits to take a step. */
  go: (() => void) | undefined;
  isDone: boolean;
  /** Resolves at its next step or its end. */
  arrival: PromiseWithResolvers<void>;
}

async function runInOrder(concurrents: readonly Concurrent[], order: readonly number[]) {
  const runners = concurrents.map((): Runner => ({ go: undefined, isDone: false, arrival: Promise.withResolvers() }));
  const ends = concurrents.map(async (run, at) => {
    const runner = runners[at];
    if (!runner) return;
    await run(() => {
      const { promise, resolve } = Promise.withResolvers<void>();
      runner.go = resolve;
      runner.arrival.resolve();
      return promise;
    }).finally(() => {
      runner.isDone = true;
      runner.arrival.resolve();
    });
  });
  const all = Promise.all(ends);
  // A rejection is thrown at the end; until then the others go on.
  all.catch(() => undefined);
  const taken: number[] = [];
  const choices: number[][] = [];
  for (;;) {
    await Promise.all(runners.map(({ arrival }) => arrival.promise));
    const able = runners.flatMap(({ isDone }, at) => (isDone ? [] : [at]));
    const next = order[taken.length] ?? able[0];
    const runner = next === undefined ? undefined : runners[next];
    if (next === undefined || !runner) break;
    choices.push(able);
    taken.push(next);
    runner.arrival = Promise.withResolvers();
    runner.go?.();
  }
  await all;
  return { taken, choices };
}
