/**
 * The real Worker as the entry of tests and benches: the same handlers and the same object, on a D1 that keeps to
 * Cloudflare's limits, counted for each invocation.
 */
import type { Ring } from "../../host/doorbell.ts";
import worker, { Lane as WorkerLane } from "../../index.ts";
import { type LimitedD1, limitedD1, limitRows } from "./limited.ts";

let limiting: Promise<void> | undefined;

/** The limits of rows are in the database, and are made once. */
async function limited(env: Env): Promise<Env> {
  limiting ??= limitRows(env.DB);
  await limiting;
  return { ...env, DB: limitedD1(env.DB).database };
}

export class Lane extends WorkerLane {
  readonly #database: LimitedD1;

  constructor(state: DurableObjectState, env: Env) {
    const database = limitedD1(env.DB);
    super(state, { ...env, DB: database.database });
    this.#database = database;
  }

  override alarm(): Promise<void> {
    this.#database.begin();
    return super.alarm();
  }
}

export default {
  fetch: async (request, env, ctx) => worker.fetch(request, await limited(env), ctx),
  queue: async (batch, env, ctx) => worker.queue(batch, await limited(env), ctx),
  scheduled: async (controller, env, ctx) => worker.scheduled(controller, await limited(env), ctx),
} satisfies ExportedHandler<Env, Ring>;
