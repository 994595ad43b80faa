/** Composition root of the Worker: fetch, queue, scheduled. Wiring only. */
import { compose } from "./app.ts";
import { workerHost } from "./host/bindings.ts";
import { answerQueue, type Ring } from "./host/doorbell.ts";

export { Lane } from "./host/lane.ts";

/** Only the lanes' objects run lanes, so no lease has this runner's name. */
const hostOf = (env: Env, ctx: ExecutionContext) => workerHost(env, "worker", (work) => ctx.waitUntil(work));

export default {
  fetch: (request, env, ctx) => compose(hostOf(env, ctx)).http.fetch(request),

  queue: (batch, env, ctx) => answerQueue(env, hostOf(env, ctx).log, batch),

  async scheduled(_controller, env, ctx) {
    const app = compose(hostOf(env, ctx));
    await app.sweep();
    await app.enter();
    await app.tend();
  },
} satisfies ExportedHandler<Env, Ring>;
