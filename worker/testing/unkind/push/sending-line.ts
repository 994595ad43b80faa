/**
 * Sends transactions as Synapse does: in order, one at a time, with up to a hundred events each. After a failure it
 * retries with a back-off. The queue is only in memory; transactions are in the store.
 *
 * @see https://github.com/element-hq/synapse/blob/develop/synapse/appservice/scheduler.py
 */
import type { Agent } from "node:http";
import type { JsonObject } from "#core/protocol/event.ts";
import type { Store, StoredEvent } from "../store.ts";
import type { Needs } from "./pusher.ts";
import { ask, asPushed, isSuccess } from "./wire.ts";

const EVENTS_MAX = 100;
/** Synapse waits 2^9 s at most. */
const BACK_OFF_STEPS_MAX = 9;

interface Load {
  events: StoredEvent[];
  ephemeral: JsonObject[];
  toDevice: JsonObject[];
}

interface Line {
  enqueue(load: Partial<Load>): void;
  forceRetry(): void;
  isIdle(): boolean;
  /** Returns the events in the queue, which are lost. */
  kill(): StoredEvent[];
}

/** Resolves to whether the transaction was accepted. */
type Deliver = (id: number, load: Load, isRetry: boolean) => Promise<boolean>;

export function sendingLine(needs: Needs, agent: Agent, killed: AbortSignal): Line {
  const { store, appservice } = needs;
  /** Events that were queued since the start. Only these have the content of the state that they replaced. */
  const inMemory = new Set<string>();
  const deliver = delivery(needs, agent, killed, inMemory);
  const recoverer = recovery({ store, deliver, killed, recoveryMs: needs.recoveryMs });
  const queue: Load = { events: [], ephemeral: [], toDevice: [] };
  let sending = false;
  let lastId: number | undefined;
  // After a restart Synapse resumes the retries to an appservice only when there is a new event.
  let started = false;

  /** A counter in memory that begins behind the highest stored id, or at 1. */
  function nextId(): number {
    lastId = (lastId ?? Math.max(0, ...store.transactions.keys())) + 1;
    return lastId;
  }

  async function send(load: Load): Promise<void> {
    // Only events are kept during an outage.
    if (store.appserviceIsDown && load.events.length === 0) return;
    const id = nextId();
    const ids = load.events.map(({ event_id }) => event_id);
    store.transactions.set(id, ids);
    if (store.appserviceIsDown) return;
    const taken = await deliver(id, load, false);
    // After a kill the transaction stays in the store, even an accepted one.
    if (killed.aborted) return;
    if (taken) store.transactions.delete(id);
    else {
      store.appserviceIsDown = true;
      recoverer.start();
    }
  }

  async function work(): Promise<void> {
    if (sending) return;
    sending = true;
    while (!killed.aborted && queue.events.length + queue.ephemeral.length + queue.toDevice.length > 0) {
      await send({
        events: queue.events.splice(0, EVENTS_MAX),
        ephemeral: queue.ephemeral.splice(0, EVENTS_MAX),
        toDevice: queue.toDevice.splice(0, EVENTS_MAX),
      });
    }
    sending = false;
  }

  return {
    enqueue({ events = [], ephemeral = [], toDevice = [] }) {
      if (killed.aborted || (events.length === 0 && !appservice.receivesEphemeral)) return;
      if (events.length > 0 && !started) {
        started = true;
        if (store.appserviceIsDown) recoverer.start();
      }
      for (const { event_id } of events) inMemory.add(event_id);
      queue.events.push(...events);
      queue.ephemeral.push(...ephemeral);
      queue.toDevice.push(...toDevice);
      void work();
    },
    forceRetry: recoverer.force,
    isIdle: () => !sending && !recoverer.isRunning(),
    kill() {
      recoverer.kill();
      return queue.events.splice(0);
    },
  };
}

function delivery(
  { store, appservice, dice, counts, timeoutMs }: Needs,
  agent: Agent,
  signal: AbortSignal,
  inMemory: ReadonlySet<string>,
): Deliver {
  let inFlight = 0;
  return async (id, { events, ephemeral, toDevice }, isRetry) => {
    // Like a registration with `url: null`.
    if (appservice.url === "") return true;
    counts.pushes++;
    counts.eventsPushed += events.length;
    if (isRetry) counts.retries++;
    if (inFlight > 0) counts.concurrent++;
    inFlight++;
    const now = Date.now();
    const heard = await ask({
      method: "PUT",
      url: `${appservice.url}/_matrix/app/v1/transactions/${id}`,
      token: appservice.hsToken,
      body: {
        events: events.map((event) => asPushed(event, now, inMemory.has(event.event_id), (id) => store.byId.get(id))),
        ...(appservice.receivesEphemeral ? { ephemeral, "de.sorunome.msc2409.to_device": toDevice } : {}),
      },
      agent,
      timeoutMs,
      signal,
    });
    inFlight--;
    if (!isSuccess(heard)) return false;
    for (const { event_id } of events) store.taken.add(event_id);
    if (!dice.falls("unheard")) return true;
    counts.unheard++;
    return false;
  };
}

interface Recovery {
  store: Store;
  deliver: Deliver;
  killed: AbortSignal;
  recoveryMs: number;
}

/** Retries the stored transactions, oldest first, with a longer pause after each failure. */
function recovery({ store, deliver, killed, recoveryMs }: Recovery) {
  let now: { step: number; timer?: NodeJS.Timeout } | undefined;

  function wait(recovering: NonNullable<typeof now>): void {
    clearTimeout(recovering.timer);
    recovering.timer = setTimeout(() => void retry(recovering), recoveryMs * 2 ** (recovering.step - 1));
  }

  async function retry(recovering: NonNullable<typeof now>): Promise<void> {
    while (!killed.aborted && now === recovering) {
      const id = Math.min(...store.transactions.keys());
      if (id === Number.POSITIVE_INFINITY) {
        now = undefined;
        store.appserviceIsDown = false;
        return;
      }
      const events = (store.transactions.get(id) ?? []).flatMap((eventId) => store.byId.get(eventId) ?? []);
      const taken = await deliver(id, { events, ephemeral: [], toDevice: [] }, true);
      if (killed.aborted || now !== recovering) return;
      if (!taken) {
        recovering.step = Math.min(BACK_OFF_STEPS_MAX, recovering.step + 1);
        return wait(recovering);
      }
      store.transactions.delete(id);
      recovering.step = 1;
    }
  }

  return {
    start() {
      if (now) return;
      now = { step: 1 };
      wait(now);
    },
    /** Retries now, even during a retry: then the same transaction is sent twice at once, as in Synapse. */
    force() {
      if (!now) return;
      clearTimeout(now.timer);
      void retry(now);
    },
    isRunning: () => now !== undefined,
    kill: () => clearTimeout(now?.timer),
  };
}
