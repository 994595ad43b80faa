/** A minimal Matrix client for tests that wait until an event is visible. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

export interface Seen {
  event_id: string;
  type: string;
  sender: string;
  state_key?: string;
  content: Record<string, unknown>;
  origin_server_ts: number;
}

export interface LiveClient {
  userId: string;
  call<T = Record<string, unknown>>(method: string, path: string, body?: object): Promise<T>;
  createRoom(invite: string[], more?: object): Promise<string>;
  say(room: string, body: string, more?: object): Promise<string>;
  /** All events of a room by one sender, oldest first, read from the homeserver. */
  by(room: string, sender: string): Promise<Seen[]>;
  /** The current position in the stream of events. */
  now(): Promise<string>;
  /** The first users shown as typing in a room after this position. */
  typing(room: string, since: string): Promise<string[]>;
}

interface Sync {
  next_batch: string;
  rooms?: {
    join?: Record<string, { ephemeral?: { events: Array<{ type: string; content: { user_ids: string[] } }> } }>;
  };
}
const TYPING_SYNCS_MAX = 20;

export async function liveClient(homeserver: string, user: string, password: string): Promise<LiveClient> {
  let token = "";
  const call = async <T = Record<string, unknown>>(method: string, path: string, body?: object): Promise<T> => {
    const answer = await fetch(`${homeserver}/_matrix/client/v3${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const json = (await answer.json()) as T;
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
    return json;
  };
  const identifier = { type: "m.id.user", user };
  const login = await call("POST", "/login", { type: "m.login.password", identifier, password });
  token = String(login["access_token"]);
  return {
    userId: String(login["user_id"]),
    call,
    async createRoom(invite, more = {}) {
      return String((await call("POST", "/createRoom", { preset: "private_chat", invite, ...more }))["room_id"]);
    },
    async say(room, body, more = {}) {
      const path = `/rooms/${encodeURIComponent(room)}/send/m.room.message/${randomUUID()}`;
      return String((await call("PUT", path, { msgtype: "m.text", body, "m.mentions": {}, ...more }))["event_id"]);
    },
    async by(room, sender) {
      const seen: Seen[] = [];
      for (let from = ""; ; ) {
        const query = new URLSearchParams({ dir: "b", limit: "500", ...(from ? { from } : {}) });
        const page = await call("GET", `/rooms/${encodeURIComponent(room)}/messages?${query}`);
        seen.push(...(page["chunk"] as Seen[]));
        from = String(page["end"] ?? "");
        if (!from) break;
      }
      return seen.filter((event) => event.sender === sender && event.type === "m.room.message").reverse();
    },
    async now() {
      return String((await call("GET", "/sync?timeout=0"))["next_batch"]);
    },
    async typing(room, since) {
      for (let from = since, tries = 0; tries < TYPING_SYNCS_MAX; tries++) {
        const sync = await call<Sync>("GET", `/sync?timeout=2000&since=${encodeURIComponent(from)}`);
        from = sync.next_batch;
        const events = sync.rooms?.join?.[room]?.ephemeral?.events ?? [];
        const typing = events.find((event) => event.type === "m.typing")?.content.user_ids ?? [];
        if (typing.length > 0) return typing;
      }
      return [];
    },
  };
}

/** Repeats `look` until it does not fail. After the time limit its last error is thrown. */
export async function eventually<T>(look: () => Promise<T> | T, withinMs = 20_000): Promise<T> {
  for (const until = Date.now() + withinMs; ; await sleep(150)) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
}
