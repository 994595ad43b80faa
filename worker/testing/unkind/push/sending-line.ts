/**
 * Synapse's transactions to an appservice: in order, one at a time, up to a hundred events each; and the recoverer, which
 * takes over when one is not taken. The queue is in memory and dies with the process, transactions are in the store.
 *
 * @see https://github.com/element-hq/synapse/blob/develop/synapse/appservice/scheduler.py
 */
import type { Agent } from "node:http";
import type { JsonObject } from "#core/protocol/event.ts";
import type { Store, StoredEvent } from "../store.ts";
import type { Needs } from "./pusher.ts";
import { ask, asPushed, isSuccess } from "./wire.ts";

const EVENTS_MAX = 100;
/** 2^9 s is as long as Synapse waits. */
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
  /** Returns what was waiting and is forgotten now. */
  kill(): StoredEvent[];
}

/** True when the transaction was taken. */
type Deliver = (id: number, load: Load, isRetry: boolean) => Promise<boolean>;

export function sendingLine(needs: Needs, agent: Agent, killed: AbortSignal): Line {
  const { store, appservice } = needs;
  /** Events this process has handed out: only as long as it lives do they know what they replaced. */
  const inMemory = new Set<string>();
  const deliver = delivery(needs, agent, killed, inMemory);
  const recoverer = recovery({ store, deliver, killed, recoveryMs: needs.recoveryMs });
  const queue: Load = { events: [], ephemeral: [], toDevice: [] };
  let sending = false;
  let lastId: number | undefined;
  // Synapse looks for an appservice that was down before its restart only once there is something to be told.
  let started = false;

  /** A counter in memory, begun after the highest id that is still stored: with nothing stored at 1 again. */
  function nextId(): number {
    lastId = (lastId ?? Math.max(0, ...store.transactions.keys())) + 1;
    return lastId;
  }

  async function send(load: Load): Promise<void> {
    // What is not an event does not outlive an outage.
    if (store.appserviceIsDown && load.events.length === 0) return;
    const id = nextId();
    const ids = load.events.map(({ event_id }) => event_id);
    store.transactions.set(id, ids);
    if (store.appserviceIsDown) return;
    const taken = await deliver(id, load, false);
    // Killed in between, the transaction stays behind, taken or not.
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
    // As with a registration whose `url` is null.
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

/** Sends what was not taken, oldest first, one transaction after the other, in ever longer intervals while it fails. */
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
    /** Does not look whether a retry is running: then the same transaction is on its way twice, as with Synapse. */
    force() {
      if (!now) return;
      clearTimeout(now.timer);
      void retry(now);
    },
    isRunning: () => now !== undefined,
    kill: () => clearTimeout(now?.timer),
  };
}
