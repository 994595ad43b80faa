/** The little of a Matrix client that a chat in a terminal needs. @see https://spec.matrix.org/v1.19/client-server-api/ */
import { randomUUID } from "node:crypto";
import * as z from "zod/v4";
import { SettingsError } from "../host/settings.ts";

const SYNC_MS = 10_000;

const Login = z.object({ access_token: z.string(), user_id: z.string() });
const Room = z.object({ room_id: z.string() });
const Direct = z.record(z.string(), z.array(z.string())).catch({});
const Joined = z.object({ joined_rooms: z.array(z.string()) });
const Members = z.object({ joined: z.record(z.string(), z.unknown()) });
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
  /** The room with just the two of us, made if there is none. */
  directRoom(other: string): Promise<string>;
  /** A place in the stream of events: what comes after it is news. */
  now(): Promise<string>;
  send(room: string, text: string): Promise<void>;
  /** What somebody says in a room from there on, until there was nothing for so long. */
  events(room: string, sender: string, since: string, patienceMs: number): AsyncGenerator<unknown>;
  logout(): Promise<void>;
}

export async function login(homeserver: string, user: string, password: string): Promise<Client> {
  const call = caller(homeserver);
  const { access_token: token, user_id: me } = Login.parse(
    await call("POST", "/v3/login", undefined, {
      type: "m.login.password",
      identifier: { type: "m.id.user", user },
      password,
      initial_device_display_name: "troupe chat",
    }),
  );
  const direct = `/v3/user/${encodeURIComponent(me)}/account_data/m.direct`;
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
    async now() {
      return Sync.parse(await call("GET", "/v3/sync?timeout=0&set_presence=offline", token)).next_batch;
    },
    async send(room, text) {
      const path = `/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${randomUUID()}`;
      await call("PUT", path, token, { msgtype: "m.text", body: text, "m.mentions": {} });
    },
    async *events(room, sender, since, patienceMs) {
      let from = since;
      let until = Date.now() + patienceMs;
      while (Date.now() < until) {
        const wait = Math.max(Math.min(SYNC_MS, until - Date.now()), 0);
        const query = new URLSearchParams({ since: from, timeout: String(wait), set_presence: "offline" });
        const sync = Sync.parse(await call("GET", `/v3/sync?${query}`, token));
        from = sync.next_batch;
        const said = sync.rooms?.join?.[room]?.timeline.events.filter((event) => event.sender === sender) ?? [];
        if (said.length > 0) until = Date.now() + patienceMs;
        yield* said;
      }
    },
    async logout() {
      await call("POST", "/v3/logout", token, {});
    },
  };
}

type Call = (method: string, path: string, token?: string, body?: object) => Promise<unknown>;

function caller(homeserver: string): Call {
  return async (method, path, token, body) => {
    const answer = await fetch(`${homeserver}/_matrix/client${path}`, {
      method,
      headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    }).catch(() => {
      throw new SettingsError(`The homeserver at ${homeserver} does not answer any more.`);
    });
    if (!answer.ok) throw new Error(`${method} ${path.split("?")[0]}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
}

/** An agent that was invited but is not there yet counts: it is on its way. */
async function hasBoth(call: Call, token: string, room: string, other: string): Promise<boolean> {
  const members = Members.parse(await call("GET", `/v3/rooms/${encodeURIComponent(room)}/joined_members`, token));
  return Object.keys(members.joined).length <= 2 && other in members.joined;
}
