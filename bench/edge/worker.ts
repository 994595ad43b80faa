/**
 * The real Worker as the entry of `bench:edge`: the same handlers and the same object, with the D1 binding and the
 * storage of the objects watched, and on a D1 that keeps to its limits. `GET /bench` answers what was counted since the start.
 */
import type { Ring } from "../../worker/host/doorbell.ts";
import worker, { Lane as WorkerLane } from "../../worker/testing/d1/worker.ts";

/** A statement and what D1 says in `meta` that it cost. */
export interface Statement {
  text: string;
  rowsRead: number;
  rowsWritten: number;
}

/** Everything since the Worker started. The objects run in the same isolate, so their work is in it too. */
export interface Counted {
  /** Each call to D1 with its statements, in the order in which they were answered. */
  calls: Statement[][];
  /** Invocations of `fetch`, `queue` and `scheduled`. */
  workerRequests: number;
  /** Calls to an object, and its alarms. */
  objectRequests: number;
  /** Rows written to the objects' own storage. */
  objectRowsWritten: number;
  queueMessages: number;
  /** Invocations that have begun and not ended. */
  running: number;
}

const counted: Counted = {
  calls: [],
  workerRequests: 0,
  objectRequests: 0,
  objectRowsWritten: 0,
  queueMessages: 0,
  running: 0,
};

async function invocation<T>(of: "workerRequests" | "objectRequests", run: () => Promise<T> | T): Promise<T> {
  counted[of]++;
  counted.running++;
  try {
    return await run();
  } finally {
    counted.running--;
  }
}

const statementOf = (text: string, { meta }: D1Result<unknown>): Statement => ({
  text,
  rowsRead: meta.rows_read,
  rowsWritten: meta.rows_written,
});

/** The database with each call counted from its `meta`. It has only what `worker/ledger/sql/d1.ts` uses. */
function watched(database: D1Database): D1Database {
  const texts = new WeakMap<D1PreparedStatement, string>();
  const prepare = (text: string): D1PreparedStatement => {
    const unbound = database.prepare(text);
    const bind = unbound.bind.bind(unbound);
    unbound.bind = (...values) => {
      const bound = bind(...values);
      const all = bound.all.bind(bound);
      bound.all = async <Row>() => {
        const result = await all<Row>();
        counted.calls.push([statementOf(text, result)]);
        return result;
      };
      texts.set(bound, text);
      return bound;
    };
    return unbound;
  };
  const batch = async <Row>(statements: D1PreparedStatement[]): Promise<D1Result<Row>[]> => {
    const results = await database.batch<Row>(statements);
    counted.calls.push(
      statements.flatMap((statement, at) => {
        const result = results[at];
        return result ? [statementOf(texts.get(statement) ?? "?", result)] : [];
      }),
    );
    return results;
  };
  return new Proxy(database, {
    get(target, name) {
      if (name === "prepare") return prepare;
      if (name === "batch") return batch;
      throw new Error(`bench:edge does not count \`${String(name)}\` of ${target.constructor.name}`);
    },
  });
}

const watchedEnv = (env: Env): Env => ({ ...env, DB: watched(env.DB) });

/**
 * Counts the rows that an object writes: one for each `put` and for each `setAlarm`.
 *
 * @see https://developers.cloudflare.com/durable-objects/platform/pricing/
 */
function watchStorage({ storage }: DurableObjectState): void {
  const { kv } = storage;
  const put = kv.put.bind(kv);
  const setAlarm = storage.setAlarm.bind(storage);
  kv.put = <T>(key: string, value: T) => {
    counted.objectRowsWritten++;
    put(key, value);
  };
  storage.setAlarm = (at) => {
    counted.objectRowsWritten++;
    return setAlarm(at);
  };
}

export class Lane extends WorkerLane {
  constructor(state: DurableObjectState, env: Env) {
    super(state, watchedEnv(env));
    watchStorage(state);
  }

  override ring(...given: Parameters<WorkerLane["ring"]>): Promise<void> {
    return invocation("objectRequests", () => super.ring(...given));
  }

  override alarm(): Promise<void> {
    return invocation("objectRequests", () => super.alarm());
  }
}

export default {
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/bench") return Response.json(counted);
    return invocation("workerRequests", () => worker.fetch(request, watchedEnv(env), ctx));
  },
  queue(batch, env, ctx) {
    counted.queueMessages += batch.messages.length;
    return invocation("workerRequests", () => worker.queue(batch, watchedEnv(env), ctx));
  },
  scheduled: (controller, env, ctx) =>
    invocation("workerRequests", () => worker.scheduled(controller, watchedEnv(env), ctx)),
} satisfies ExportedHandler<Env, Ring>;
