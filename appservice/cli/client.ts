/** A minimal Matrix client for a chat in a terminal. @see https://spec.matrix.org/v1.19/client-server-api/ */
import { randomUUID } from "node:crypto";
import * as z from "zod/v4";
import { EnvironmentError } from "../host/environment.ts";

const SYNC_MS = 10_000;

const Login = z.object({ access_token: z.string(), user_id: z.string() });
const Room = z.object({ room_id: z.string() });
const Direct = z.record(z.string(), z.array(z.string())).catch({});
const Joined = z.object({ joined_rooms: z.array(z.string()) });
const Members = z.object({
  chunk: z.array(z.object({ state_key: z.string(), content: z.looseObject({ membership: z.string() }) })),
});
const Sync = z.object({
  next_batch: z.string(),
  rooms: z
    .object({
      join: z
        .record(
          z.string(),
          z.object({ timeline: z.object({ events: z.array(z.looseObject({ sender: z.string() })) }) }),
        )
        .optional(),
    })
    .optional(),
});

export interface Client {
  /** The direct chat with this user; created if there is none. */
  directRoom(other: string): Promise<string>;
  /** Skips everything sent so far: `events` yields only later events. */
  catchUp(): Promise<void>;
  send(room: string, text: string): Promise<void>;
  /** New events of a sender in a room, until there are none for `patienceMs`. */
  events(room: string, sender: string, patienceMs: number): AsyncGenerator<unknown>;
  logout(): Promise<void>;
}

/** A reply in many parts needs a timeline longer than the default of ten events. */
const FILTER = JSON.stringify({
  presence: { types: [] },
  account_data: { types: [] },
  room: { timeline: { limit: 100 }, state: { lazy_load_members: true }, ephemeral: { types: [] } },
});

/** `leaving` aborts all requests except the logout. */
export async function login(homeserver: string, user: string, password: string, leaving: AbortSignal): Promise<Client> {
  const call = caller(homeserver, leaving);
  const { access_token: token, user_id: me } = Login.parse(
    await call("POST", "/v3/login", undefined, {
      type: "m.login.password",
      identifier: { type: "m.id.user", user },
      password,
      initial_device_display_name: "troupe chat",
    }),
  );
  const direct = `/v3/user/${encodeURIComponent(me)}/account_data/m.direct`;
  // Kept between calls: Synapse answers a second sync without `since` from its cache.
  let position: string | undefined;
  const sync = async (waitMs: number) => {
    const since = position === undefined ? {} : { since: position };
    const query = new URLSearchParams({
      ...since,
      filter: FILTER,
      timeout: String(Math.round(waitMs)),
      set_presence: "offline",
    });
    const answer = Sync.parse(await call("GET", `/v3/sync?${query}`, token));
    position = answer.next_batch;
    return answer;
  };
  return {
    async directRoom(other) {
      const known = Direct.parse(await call("GET", direct, token).catch(() => ({})));
      const joined = Joined.parse(await call("GET", "/v3/joined_rooms", token)).joined_rooms;
      for (const room of known[other] ?? []) {
        if (joined.includes(room) && (await hasBoth(call, token, room, other))) return room;
      }
      const made = { preset: "private_chat", is_direct: true, invite: [other] };
      const { room_id } = Room.parse(await call("POST", "/v3/createRoom", token, made));
      await call("PUT", direct, token, { ...known, [other]: [...(known[other] ?? []), room_id] });
      return room_id;
    },
    async catchUp() {
      await sync(0);
    },
    async send(room, text) {
      const path = `/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${randomUUID()}`;
      await call("PUT", path, token, { msgtype: "m.text", body: text, "m.mentions": {} });
    },
    async *events(room, sender, patienceMs) {
      let until = Date.now() + patienceMs;
      while (Date.now() < until) {
        const answer = await sync(Math.max(Math.min(SYNC_MS, until - Date.now()), 0));
        const sent = answer.rooms?.join?.[room]?.timeline.events.filter((event) => event.sender === sender) ?? [];
        if (sent.length > 0) until = Date.now() + patienceMs;
        yield* sent;
      }
    },
    async logout() {
      await caller(homeserver)("POST", "/v3/logout", token, {});
    },
  };
}

type Call = (method: string, path: string, token?: string, body?: object) => Promise<unknown>;

function caller(homeserver: string, leaving?: AbortSignal): Call {
  return async (method, path, token, body) => {
    const answer = await fetch(`${homeserver}/_matrix/client${path}`, {
      method,
      headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: body ? JSON.stringify(body) : null,
      signal: leaving ?? null,
    }).catch(() => {
      leaving?.throwIfAborted();
      throw new EnvironmentError(`The homeserver at ${homeserver} does not answer any more.`);
    });
    if (!answer.ok) throw new Error(`${method} ${path.split("?")[0]}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
}

/** True when nobody but the user and the agent is in the room. An invited agent counts, because it is about to join. */
async function hasBoth(call: Call, token: string, room: string, other: string): Promise<boolean> {
  const path = `/v3/rooms/${encodeURIComponent(room)}/members`;
  const members = Members.parse(await call("GET", path, token));
  const present = members.chunk.filter(({ content }) => ["join", "invite"].includes(content.membership));
  return present.length <= 2 && present.some(({ state_key }) => state_key === other);
}
