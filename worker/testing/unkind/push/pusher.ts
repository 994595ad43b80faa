/**
 * Which events an appservice is told, as Synapse does it: it hands the stream of events out, a batch at a time, and asks
 * about ghosts it does not know. What is not in the store is forgotten with the pusher.
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
  /** Asked for `ephemeral`: typing and to-device messages come along. */
  receivesEphemeral: boolean;
}

export interface Needs {
  store: Store;
  appservice: Appservice;
  dice: Dice;
  counts: Counts;
  timeoutMs: number;
  /** First pause of the recoverer; each further one is twice as long. */
  recoveryMs: number;
}

export interface Pusher {
  /** There is something new in the stream. */
  notify(): void;
  toDevice(message: JsonObject): void;
  ephemeral(event: JsonObject): void;
  ping(transactionId: unknown): Promise<Heard>;
  /** A recoverer that waits tries now. */
  forceRetry(): void;
  isIdle(): boolean;
  /** As if killed: connections break off, nothing more is written to the store. Returns the events that nobody will push. */
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
      // The rooms of a batch side by side: only within a room is the order sure.
      await Promise.all([...rooms.values()].map(handOutRoom));
      // A kill before this line hands the whole batch out again.
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
      // What is not noted as handed out is handed out again, and what was told before is no loss.
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

/** Whom the event is about and who has no account. The bot is never asked about, whether it has one or not. */
function unknownGhosts(store: Store, namespace: Namespace, event: StoredEvent): string[] {
  const bot = `@${namespace.botLocalpart}:${namespace.serverName}`;
  const about = event.type === "m.room.member" ? [event.sender, event.state_key ?? ""] : [event.sender];
  return about.filter((user) => user !== bot && !store.users.has(user) && isOurs(namespace, UserId.parse(user)));
}

/** Events that are pushed late or once more. They wait in the store, so that a restart does not lose them. */
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
