/** Composition root of the Worker: fetch, queue, scheduled. Wiring only. */
import { compose } from "./app.ts";
import { workerHost } from "./host/bindings.ts";
import { answerQueue, type Ring } from "./host/doorbell.ts";

export { Lane } from "./host/lane.ts";

/** Only the lanes' objects run lanes, so no lease has this runner's name. */
const hostOf = (env: Env) => workerHost(env, "worker");

export default {
  fetch: (request, env) => compose(hostOf(env)).http.fetch(request),

  queue: (batch, env) => answerQueue(env, hostOf(env).log, batch),

  async scheduled(_controller, env) {
    const app = compose(hostOf(env));
    await app.sweep();
    if (await app.enter()) await app.tend();
  },
} satisfies ExportedHandler<Env, Ring>;
