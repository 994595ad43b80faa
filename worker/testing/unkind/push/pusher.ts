/**
 * Chooses the events that an appservice is pushed, as Synapse does: in batches of the stream, after asking about unknown
 * ghosts. Everything that is not in the store is lost with the pusher.
 *
 * @see https://github.com/element-hq/synapse/blob/develop/synapse/handlers/appservice.py
 */
import { Agent } from "node:http";
import type { JsonObject } from "#core/protocol/event.ts";
import { isOurs, type Namespace, UserId } from "#core/protocol/ids.ts";
import type { Counts, Dice } from "../dice.ts";
import { joined, type Later, roomOf, type Store, type StoredEvent } from "../store.ts";
import { sendingLine } from "./sending-line.ts";
import { ask, type Heard } from "./wire.ts";

const EVENTS_MAX = 100;
export interface Appservice {
  url: string;
  hsToken: string;
  namespace: Namespace;
  /** It is also pushed typing and to-device messages. */
  receivesEphemeral: boolean;
}

export interface Needs {
  store: Store;
  appservice: Appservice;
  dice: Dice;
  counts: Counts;
  timeoutMs: number;
  /** The first pause of the back-off, doubled each time. */
  recoveryMs: number;
}

export interface Pusher {
  /** Call it when there is a new event in the stream. */
  notify(): void;
  toDevice(message: JsonObject): void;
  ephemeral(event: JsonObject): void;
  ping(transactionId: unknown): Promise<Heard>;
  /** Ends a pause of the back-off. */
  forceRetry(): void;
  isIdle(): boolean;
  /** Closes connections and writes no more to the store, as if killed. Returns the events that are never pushed. */
  kill(): string[];
}

export function pusher(needs: Needs): Pusher {
  const { store, appservice, counts, dice } = needs;
  const { namespace } = appservice;
  const killed = new AbortController();
  const agent = new Agent({ keepAlive: true });
  const line = sendingLine(needs, agent, killed.signal);
  const late = latecomers(store, (event) => line.enqueue({ events: [event] }));
  let handingOut = false;

  const request = async (method: "GET" | "POST", path: string, body?: JsonObject): Promise<Heard> => {
    if (appservice.url === "") return "nothing";
    return ask({
      method,
      url: `${appservice.url}/_matrix/app/v1${path}`,
      token: appservice.hsToken,
      agent,
      timeoutMs: needs.timeoutMs,
      signal: killed.signal,
      ...(body ? { body } : {}),
    });
  };

  async function handOut(): Promise<void> {
    if (handingOut) return;
    handingOut = true;
    while (!killed.signal.aborted && store.handedOut < store.stream.length) {
      const batch = store.stream.slice(store.handedOut, store.handedOut + EVENTS_MAX);
      const rooms = Map.groupBy(batch, ({ room_id }) => room_id);
      // The rooms of a batch at the same time: only the order within a room is certain.
      await Promise.all([...rooms.values()].map(handOutRoom));
      // After a kill before this line the whole batch is pushed again.
      if (!killed.signal.aborted) store.handedOut += batch.length;
    }
    handingOut = false;
  }

  async function handOutRoom(events: readonly StoredEvent[]): Promise<void> {
    for (const event of events.filter((one) => isInteresting(store, namespace, one))) {
      for (const ghost of unknownGhosts(store, namespace, event)) {
        counts.userQueries++;
        await request("GET", `/users/${encodeURI(ghost)}`);
      }
      if (killed.signal.aborted) return;
      enqueue(event);
    }
  }

  function enqueue(event: StoredEvent): void {
    const isOrphan = dice.falls("orphaned");
    if (isOrphan) counts.orphaned++;
    else line.enqueue({ events: [event] });
    if (!isOrphan && !dice.falls("duplicated")) return;
    if (!isOrphan) counts.duplicated++;
    late.add({ eventId: event.event_id, dueAtMs: Date.now() + dice.unkindness.laterMs });
  }

  return {
    notify: () => void handOut(),
    toDevice: (message) => line.enqueue({ toDevice: [message] }),
    ephemeral: (event) => line.enqueue({ ephemeral: [event] }),
    ping: (transactionId) =>
      request("POST", "/ping", typeof transactionId === "string" ? { transaction_id: transactionId } : {}),
    forceRetry: line.forceRetry,
    isIdle: () => !handingOut && store.later.length === 0 && line.isIdle(),
    kill() {
      killed.abort();
      late.kill();
      agent.destroy();
      const stored = new Set([...store.transactions.values()].flat());
      // Events behind `handedOut` are pushed again, and accepted ones are not lost.
      const isLost = ({ position, event_id }: StoredEvent) =>
        position <= store.handedOut && !stored.has(event_id) && !store.taken.has(event_id);
      return line.kill().flatMap((event) => (isLost(event) ? event.event_id : []));
    },
  };
}

function isInteresting(store: Store, namespace: Namespace, event: StoredEvent): boolean {
  const ours = (user: string) => isOurs(namespace, UserId.parse(user));
  if (ours(event.sender) || (event.type === "m.room.member" && ours(event.state_key ?? ""))) return true;
  return joined(roomOf(store, event.room_id)).some(ours);
}

/** Ghosts in the event that have no account. Synapse never asks about the bot. */
function unknownGhosts(store: Store, namespace: Namespace, event: StoredEvent): string[] {
  const bot = `@${namespace.botLocalpart}:${namespace.serverName}`;
  const about = event.type === "m.room.member" ? [event.sender, event.state_key ?? ""] : [event.sender];
  return about.filter((user) => user !== bot && !store.users.has(user) && isOurs(namespace, UserId.parse(user)));
}

/** Events that are pushed late or again. They wait in the store, so that they survive a restart. */
function latecomers(store: Store, push: (event: StoredEvent) => void) {
  const timers = new Set<NodeJS.Timeout>();
  function wait(later: Later): void {
    const due = () => {
      timers.delete(timer);
      store.later = store.later.filter((one) => one !== later);
      const event = store.byId.get(later.eventId);
      if (event) push(event);
    };
    const timer = setTimeout(due, Math.max(0, later.dueAtMs - Date.now()));
    timers.add(timer);
  }
  for (const later of store.later) wait(later);
  return {
    add(later: Later) {
      store.later.push(later);
      wait(later);
    },
    kill() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
