/**
 * The state of a homeserver that survives a restart: users, devices, rooms, one stream of events, the transaction ids of
 * sends with a device, and transactions that the appservice has not accepted yet.
 */
import { createHash } from "node:crypto";
import type { JsonObject } from "#core/protocol/event.ts";

export interface StoredEvent {
  event_id: string;
  room_id: string;
  type: string;
  sender: string;
  content: JsonObject;
  state_key?: string;
  redacts?: string;
  origin_server_ts: number;
  receivedAtMs: number;
  /** The position in the stream, from 1. */
  position: number;
  /** The state event that this one replaced. */
  replaced?: { eventId: string; content: JsonObject; sender: string };
  inviteState?: JsonObject[];
  /** The transaction id, which only the sending device sees. */
  sentBy?: { userId: string; deviceId: string | undefined; txnId: string };
  redactedBy?: string;
}

export interface Room {
  id: string;
  events: StoredEvent[];
  /** The current state, by `type|state_key`. */
  state: Map<string, StoredEvent>;
}

export interface Later {
  eventId: string;
  dueAtMs: number;
}

export interface Store {
  serverName: string;
  users: Map<string, { displayname?: string; avatar_url?: string }>;
  /** `user|device`. */
  devices: Set<string>;
  rooms: Map<string, Room>;
  stream: StoredEvent[];
  byId: Map<string, StoredEvent>;
  /** Event ids by `user|device|room|txnId`; Synapse's table `event_txn_id_device_id`. */
  sentWith: Map<string, string>;
  /** Event ids of each transaction that is not accepted yet; Synapse's table `application_services_txns`. */
  transactions: Map<number, string[]>;
  appserviceIsDown: boolean;
  /** The position up to which events were put into the queue. */
  handedOut: number;
  /** Only in the fake: events that are pushed again or late. */
  later: Later[];
  /** Only in the fake: events that the appservice accepted at least once. */
  taken: Set<string>;
  id(sigil: "!" | "$"): string;
}

export function emptyStore(serverName: string, seed: number): Store {
  let made = 0;
  return {
    serverName,
    users: new Map(),
    devices: new Set(),
    rooms: new Map(),
    stream: [],
    byId: new Map(),
    sentWith: new Map(),
    transactions: new Map(),
    appserviceIsDown: false,
    handedOut: 0,
    later: [],
    taken: new Set(),
    id: (sigil) => sigil + createHash("sha256").update(`${seed}/${++made}`).digest("base64url"),
  };
}

/** A copy of the database, as of a backup. */
export type Copy = Omit<Store, "serverName" | "id">;

/** In one go, so that an event stays the same object in its room, in the stream and by its id. */
export const copyOf = ({ serverName: _, id: __, ...data }: Store): Copy => structuredClone(data);

/** Puts a copy in the place of the data. New ids are still other ones: in Matrix they depend on the time. */
export const restore = (store: Store, copy: Copy): Store => Object.assign(store, structuredClone(copy));

export interface NewEvent {
  room: string;
  type: string;
  sender: string;
  content: JsonObject;
  stateKey?: string;
  redacts?: string;
  sentBy?: StoredEvent["sentBy"];
}

export function roomOf(store: Store, id: string): Room {
  const room = store.rooms.get(id);
  if (!room) throw new Error(`The fake homeserver has no room ${id}`);
  return room;
}

export function append(store: Store, { room: id, type, sender, content, stateKey, redacts, sentBy }: NewEvent) {
  const room = roomOf(store, id);
  const now = Date.now();
  const slot = `${type}|${stateKey}`;
  const before = stateKey === undefined ? undefined : room.state.get(slot);
  const isInvite = type === "m.room.member" && content["membership"] === "invite";
  const event: StoredEvent = {
    event_id: store.id("$"),
    room_id: id,
    type,
    sender,
    content,
    origin_server_ts: now,
    receivedAtMs: now,
    position: store.stream.length + 1,
    ...(stateKey === undefined ? {} : { state_key: stateKey }),
    ...(redacts === undefined ? {} : { redacts }),
    ...(before ? { replaced: { eventId: before.event_id, content: before.content, sender: before.sender } } : {}),
    ...(isInvite ? { inviteState: strippedState(room) } : {}),
    ...(sentBy ? { sentBy } : {}),
  };
  if (stateKey !== undefined) room.state.set(slot, event);
  const target = redacts === undefined ? undefined : store.byId.get(redacts);
  if (target) target.redactedBy = event.event_id;
  room.events.push(event);
  store.stream.push(event);
  store.byId.set(event.event_id, event);
  return event;
}

const SHOWN_TO_THE_INVITED = ["m.room.create", "m.room.join_rules", "m.room.name", "m.room.topic", "m.room.encryption"];

const strippedState = (room: Room): JsonObject[] =>
  [...room.state.values()]
    .filter(({ type }) => SHOWN_TO_THE_INVITED.includes(type))
    .map(({ type, sender, content, state_key = "" }) => ({ type, sender, content, state_key }));

export function membership(room: Room, userId: string): string | undefined {
  const content = room.state.get(`m.room.member|${userId}`)?.content;
  return typeof content?.["membership"] === "string" ? content["membership"] : undefined;
}

export const joined = (room: Room): string[] =>
  [...room.state.values()]
    .filter(({ type, content }) => type === "m.room.member" && content["membership"] === "join")
    .map(({ state_key = "" }) => state_key);

export function setMembership(store: Store, room: string, sender: string, userId: string, content: JsonObject) {
  const profile = store.users.get(userId) ?? {};
  return append(store, {
    room,
    type: "m.room.member",
    sender,
    stateKey: userId,
    content: { ...(content["membership"] === "leave" ? {} : profile), ...content },
  });
}

/** A room as Synapse creates it with the preset `private_chat`. */
export function createRoom(store: Store, creator: string): string {
  const id = store.id("!");
  store.rooms.set(id, { id, events: [], state: new Map() });
  const state = (type: string, content: JsonObject) =>
    append(store, { room: id, type, sender: creator, stateKey: "", content });
  state("m.room.create", { room_version: "12" });
  setMembership(store, id, creator, creator, { membership: "join" });
  state("m.room.power_levels", { users: {}, users_default: 0, state_default: 50, events_default: 0 });
  state("m.room.join_rules", { join_rule: "invite" });
  state("m.room.history_visibility", { history_visibility: "shared" });
  state("m.room.guest_access", { guest_access: "can_join" });
  return id;
}

export interface Visible {
  eventId: string;
  sender: string;
  body: string;
  /** The event ids of its edits, oldest first. */
  edits: string[];
}

/** The messages of a room as a client shows them: with edits by their own senders, without redacted ones. */
export function visible(room: Room): Visible[] {
  const shown = new Map<string, Visible>();
  for (const event of room.events) {
    if (event.type !== "m.room.message" || event.redactedBy !== undefined) continue;
    const { content, event_id: eventId, sender } = event;
    const relation = asObject(content["m.relates_to"]);
    if (relation["rel_type"] !== "m.replace") {
      shown.set(eventId, { eventId, sender, body: String(content["body"] ?? ""), edits: [] });
      continue;
    }
    const target = shown.get(String(relation["event_id"]));
    if (target?.sender !== sender) continue;
    target.body = String(asObject(content["m.new_content"])["body"] ?? "");
    target.edits.push(eventId);
  }
  return [...shown.values()];
}

const asObject = (value: unknown): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
