/**
 * A fake homeserver over real HTTP, for tests that kill Troupe or the homeserver. It treats a slow, wrong or absent
 * appservice exactly like Synapse (`recorded.json`, compared by `../unkind.test.ts`). Failures of a network, a proxy or
 * a process are added by seeded dice.
 */
import type { JsonObject } from "#core/protocol/event.ts";
import { type Namespace, splitUserId, UserId } from "#core/protocol/ids.ts";
import { clientApi } from "./api/client-api.ts";
import { type Door, openDoor } from "./api/door.ts";
import { sends } from "./api/sends.ts";
import { type Counts, dice, KIND, noCounts, type Unkindness } from "./dice.ts";
import { type Pusher, pusher } from "./push/pusher.ts";
import {
  append,
  type Copy,
  copyOf,
  createRoom,
  emptyStore,
  restore,
  roomOf,
  type Store,
  type StoredEvent,
  setMembership,
  type Visible,
  visible,
} from "./store.ts";

export interface Options {
  /** The URL to push to; `appservice()` can set it later. */
  appserviceUrl?: string;
  asToken: string;
  hsToken: string;
  namespace?: Namespace;
  appserviceId?: string;
  port?: number;
  /** How long it waits for the headers of an answer. Synapse waits 60 s. */
  timeoutMs?: number;
  /** The first pause of the back-off, doubled each time. Synapse begins with 2 s. */
  recoveryMs?: number;
  seed?: number;
  unkindness?: Partial<Unkindness>;
  /** `receive_ephemeral` of the registration. */
  receivesEphemeral?: boolean;
}

export interface Settled {
  /** How long nothing may happen. */
  quietMs?: number;
  withinMs?: number;
}

/** What users do. Each returns the id of the event or room. */
export interface People {
  /** A room that all of these users and ghosts have joined. Those without an account get one. */
  createRoom(creator: string, ...members: string[]): string;
  invite(room: string, sender: string, user: string, more?: JsonObject): string;
  join(room: string, user: string): string;
  leave(room: string, user: string): string;
  /** A message by a member of the room. `more` is merged into its content. */
  say(room: string, sender: string, body: string, more?: JsonObject): string;
  /** Any event, without validation; with `stateKey` a state event. */
  emit(room: string, sender: string, type: string, content: JsonObject, stateKey?: string): string;
}

export interface UnkindHomeserver extends People {
  url: string;
  counts: Readonly<Counts>;
  /** Invalid requests of the appservice: a wrong token, a user outside its namespace, an unknown path. */
  violations: readonly string[];
  /** Events that were queued in memory when the homeserver was stopped. They are in their rooms, but never pushed. */
  lost: readonly string[];
  /** Sets the URL to push to. */
  appservice(url: string): void;
  /** From now on it answers 500 to every client–server call that names this room. */
  breakRoom(room: string): void;
  /** Changes the chances that are named. */
  be(unkindness: Partial<Unkindness>): void;

  sendToDevice(user: string, device: string, sender: string, type: string, content: JsonObject): void;

  /** All events of a room, oldest first. */
  timeline(room: string): readonly StoredEvent[];
  /** The messages of a room as a client shows them: with their edits, without redacted ones. */
  visible(room: string): Visible[];
  /** Events in transactions without a 200. They are sent after the next outage or, after a restart, the next event. */
  undelivered(): string[];

  /** Resolves when everything is pushed and no request came for a while. Throws after `withinMs`. */
  settle(settled?: Settled): Promise<void>;
  /** Stops as if killed. The store is kept. */
  stop(): Promise<void>;
  /** Kills and starts it on the same port. Its queue, its counters and its idempotency cache in memory are lost. */
  restart(): Promise<void>;
  /** A copy of its database. */
  copy(): Copy;
  /** Kills it, puts a copy in the place of its database, and starts it: whatever came after the copy is gone. */
  restore(copy: Copy): Promise<void>;
}

const SERVER: Namespace = { serverName: "hs.test", ghostPrefix: "agent_", botLocalpart: "troupe" };

export async function startUnkindHomeserver(options: Options): Promise<UnkindHomeserver> {
  const { asToken, hsToken, namespace = SERVER, seed = 1, timeoutMs = 60_000, recoveryMs = 2_000 } = options;
  const store = emptyStore(namespace.serverName, seed);
  const thrown = dice(seed, { ...KIND, ...options.unkindness });
  const counts = noCounts();
  const violations: string[] = [];
  const lost: string[] = [];
  const brokenRooms = new Set<string>();
  const told = {
    url: options.appserviceUrl ?? "",
    hsToken,
    namespace,
    receivesEphemeral: options.receivesEphemeral ?? false,
  };
  let running: { push: Pusher; door: Door } | undefined;

  async function start(port: number): Promise<number> {
    const push = pusher({ store, appservice: told, dice: thrown, counts, timeoutMs, recoveryMs });
    const written = () => push.notify();
    const api = clientApi(
      {
        store,
        namespace,
        asToken,
        violations,
        written,
        appserviceId: options.appserviceId ?? "troupe",
        ping: push.ping,
        forceRetry: push.forceRetry,
        typing: (room, user_ids) => push.ephemeral({ type: "m.typing", room_id: room, content: { user_ids } }),
      },
      sends({ store, written }, thrown, counts),
    );
    const door = await openDoor({ port, api, dice: thrown, counts, brokenRooms });
    running = { push, door };
    return door.port;
  }

  async function stop(): Promise<void> {
    const { push, door } = running ?? {};
    running = undefined;
    lost.push(...(push?.kill() ?? []));
    await door?.close();
  }

  const port = await start(options.port ?? 0);
  return {
    url: `http://127.0.0.1:${port}`,
    counts,
    violations,
    lost,
    appservice(url) {
      told.url = url;
    },
    breakRoom: (room) => void brokenRooms.add(room),
    be: (unkindness) => void Object.assign(thrown.unkindness, unkindness),
    ...people(store, () => running?.push.notify()),
    sendToDevice: (to_user_id, to_device_id, sender, type, content) =>
      running?.push.toDevice({ to_user_id, to_device_id, sender, type, content }),
    timeline: (room) => roomOf(store, room).events,
    visible: (room) => visible(roomOf(store, room)),
    undelivered: () => [...store.transactions.values()].flat(),
    settle: (settled) => settle(() => running, settled),
    stop,
    async restart() {
      await stop();
      await start(port);
    },
    copy: () => copyOf(store),
    async restore(copy) {
      await stop();
      restore(store, copy);
      await start(port);
    },
  };
}

/** Actions of users, straight in the store. */
function people(store: Store, notify: () => void): People {
  const written = (event: StoredEvent): string => {
    notify();
    return event.event_id;
  };
  const enter = (room: string, user: string) => setMembership(store, room, user, user, { membership: "join" });
  /** An account for every member. A ghost that is only invited gets none. */
  const haveProfile = (user: string): void => {
    if (!store.users.has(user)) store.users.set(user, { displayname: splitUserId(UserId.parse(user))[0] });
  };
  return {
    createRoom(creator, ...members) {
      for (const user of [creator, ...members]) haveProfile(user);
      const room = createRoom(store, creator);
      for (const member of members) {
        setMembership(store, room, creator, member, { membership: "invite" });
        enter(room, member);
      }
      notify();
      return room;
    },
    invite: (room, sender, user, more = {}) =>
      written(setMembership(store, room, sender, user, { membership: "invite", ...more })),
    join: (room, user) => written(enter(room, user)),
    leave: (room, user) => written(setMembership(store, room, user, user, { membership: "leave" })),
    say: (room, sender, body, more = {}) =>
      written(
        append(store, {
          room,
          type: "m.room.message",
          sender,
          content: { msgtype: "m.text", body, "m.mentions": {}, ...more },
        }),
      ),
    emit: (room, sender, type, content, stateKey) =>
      written(append(store, { room, type, sender, content, ...(stateKey === undefined ? {} : { stateKey }) })),
  };
}

const LOOK_MS = 10;

async function settle(
  running: () => { push: Pusher; door: Door } | undefined,
  { quietMs = 200, withinMs = 10_000 }: Settled = {},
): Promise<void> {
  let quietSinceMs = Date.now();
  for (const until = Date.now() + withinMs; Date.now() - quietSinceMs < quietMs; ) {
    if (Date.now() > until) throw new Error(`The fake homeserver did not come to rest within ${withinMs} ms`);
    const now = running();
    if (now && !now.push.isIdle()) quietSinceMs = Date.now();
    if (now) quietSinceMs = Math.max(quietSinceMs, now.door.busyUntilMs());
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
