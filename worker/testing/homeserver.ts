/**
 * A homeserver in memory that answers like Synapse 1.163, refusals included. A send is idempotent by its path, whichever
 * user sends it. The `refusals` of a test are answered first.
 */
import type { Capability } from "#core/protocol/capabilities.ts";
import type { JsonObject } from "#core/protocol/event.ts";
import type { Fetch } from "#core/turn/backend.ts";

interface Sent {
  path: string;
  userId: string;
  deviceId: string;
  content: JsonObject;
  eventId: string;
  /** Its transaction id is known no more. */
  isForgotten?: true;
}

export interface FakeHomeserver {
  fetch: Fetch;
  /** Answers requests to other hosts than the homeserver's, such as those of backends. */
  others?: Fetch;
  /** The sent events, without repeated sends, in order. */
  sent: Sent[];
  /** `METHOD path` of every request, with its query. */
  requests: string[];
  /** The answers to the next sends, which are not accepted: a response, or a failed connection. */
  refusals: Array<Response | "unreachable">;
  /** How many of the next sends are accepted without their answer arriving. */
  loseAnswers: number;
  /** Asked before every other answer. */
  answerFirst?: (request: { method: string; path: string; userId: string }) => Response | "unreachable" | undefined;
  /** The ids of the pings it was asked for. */
  pings: string[];
  users: Set<string>;
  devices: Set<string>;
  /** The answer to `/joined_members`, by room. In any other room whoever asks is alone. */
  members: Map<string, string[]>;
  /** Display names, by user id; users without one have none. */
  names: Map<string, string>;
  /** Open invitations as a homeserver shows them, by user and room. */
  invited: Map<string, Record<string, JsonObject>>;
  /** The answer to `/messages`, newest first, by room. */
  history: Map<string, unknown[]>;
  /** Whole state events, by `room|type`. */
  state: Map<string, JsonObject>;
  /** Room ids, by alias. */
  aliases: Map<string, string>;
  /** Rooms whose members cannot be read, because none of our users is in them. */
  refusedReads: Set<string>;
  /** The status that every join is answered with. */
  refusedJoins?: number;
  /** Whole events, by id. */
  events: Map<string, JsonObject>;
  /** What it lacks, as Dendrite 0.13.8 does: what it answers instead was recorded there. */
  lacks: Set<Capability>;
  /** What it says of its version. */
  versions: string[];
  /** A restart of a homeserver that keeps transaction ids in its memory. */
  forgetSends(): void;
}

const BOT = "@troupe:hs.test";

const json = (status: number, body: object) => Response.json(body, { status });

export function fakeHomeserver(asToken: string): FakeHomeserver {
  const server: FakeHomeserver = {
    sent: [],
    requests: [],
    pings: [],
    refusals: [],
    loseAnswers: 0,
    users: new Set(),
    devices: new Set(),
    members: new Map(),
    names: new Map(),
    invited: new Map(),
    history: new Map(),
    state: new Map(),
    aliases: new Map(),
    events: new Map(),
    refusedReads: new Set(),
    lacks: new Set(),
    versions: ["v1.11"],
    forgetSends() {
      for (const sent of server.sent) sent.isForgotten = true;
    },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const url = new URL(request.url);
      if (server.others && url.hostname !== "hs.test") return server.others(input, init);
      server.requests.push(`${request.method} ${url.pathname}${url.search}`);
      if (request.headers.get("authorization") !== `Bearer ${asToken}`) {
        return json(401, { errcode: "M_UNKNOWN_TOKEN", error: "Unrecognised access token" });
      }
      const userId = url.searchParams.get("user_id") ?? "";
      const first = server.answerFirst?.({ method: request.method, path: url.pathname, userId });
      if (first === "unreachable") throw new TypeError("fetch failed");
      if (first) return first;
      const body = request.headers.get("content-type") === "application/json" ? await request.json() : {};
      return answer(server, request.method, url, body);
    },
  };
  return server;
}

async function answer(server: FakeHomeserver, method: string, url: URL, body: unknown): Promise<Response> {
  const { pathname: path, searchParams: query } = url;
  const userId = query.get("user_id") ?? "";
  const deviceId = query.get("device_id") ?? "";
  if (path.endsWith("/register")) return register(server, body);
  if (path.endsWith("/versions")) return json(200, { versions: server.versions, unstable_features: {} });
  if (server.lacks.has("ping") && path.endsWith("/ping")) return UNRECOGNIZED();
  if (/\/appservice\/[^/]+\/ping$/.test(path)) {
    server.pings.push((body as { transaction_id: string }).transaction_id);
    return json(200, { duration_ms: 1 });
  }
  if (path.endsWith("/whoami") && userId === "") return json(200, { user_id: "@troupe:hs.test" });
  if (!server.users.has(userId) && (userId !== BOT || deviceId !== "")) {
    return json(403, { errcode: "M_FORBIDDEN", error: "Application service has not registered this user" });
  }
  const device = path.match(/\/devices\/(.+)$/)?.[1];
  if (device) return putDevice(server, userId, device);
  if (isUnknownDevice(server, userId, deviceId))
    return json(400, { errcode: "M_UNKNOWN_DEVICE", error: "Unknown device" });
  return asUser(server, { method, path, userId, deviceId, body });
}

function putDevice(server: FakeHomeserver, userId: string, device: string): Response {
  if (server.lacks.has("devices")) return json(404, { errcode: "M_FORBIDDEN", error: "device does not exist" });
  server.devices.add(`${userId}|${device}`);
  return json(201, {});
}

/** A request may name none. */
function isUnknownDevice({ lacks, devices }: FakeHomeserver, userId: string, deviceId: string): boolean {
  if (lacks.has("deviceId") || deviceId === "") return false;
  return !devices.has(`${userId}|${deviceId}`);
}

interface UserRequest {
  method: string;
  path: string;
  userId: string;
  deviceId: string;
  body: unknown;
}

function asUser(server: FakeHomeserver, request: UserRequest): Response {
  const { method, path, userId, deviceId } = request;
  const roomId = decodeURIComponent(path.match(/\/rooms\/([^/]+)/)?.[1] ?? "");
  const members = () => Object.fromEntries((server.members.get(roomId) ?? [userId]).map((id) => [id, {}]));
  const roomsOf = () => [...server.members].flatMap(([room, users]) => (users.includes(userId) ? room : []));
  const answers: Array<[RegExp, () => Response]> = [
    [/\/send\//, () => (method === "PUT" ? send(server, request) : json(405, {}))],
    [/\/joined_members$/, () => (server.refusedReads.has(roomId) ? NOT_IN_ROOM() : json(200, { joined: members() }))],
    [
      /\/members$/,
      () =>
        server.refusedReads.has(roomId)
          ? NOT_IN_ROOM()
          : json(200, { chunk: Object.keys(members()).map((id) => memberEvent(server, id)) }),
    ],
    [/\/joined_rooms$/, () => json(200, { joined_rooms: roomsOf() })],
    [/\/sync$/, () => json(200, { next_batch: "s", rooms: { invite: server.invited.get(userId) ?? {} } })],
    [/\/messages$/, () => json(200, { chunk: server.history.get(roomId) ?? [] })],
    [
      /\/whoami$/,
      () => json(200, { user_id: userId, device_id: server.lacks.has("deviceId") ? "AS_Device" : deviceId }),
    ],
    [/\/state\/[^/]+(?:\/[^/]*)?$/, () => stateOf(server, request, roomId)],
    [/\/directory\/room\//, () => orMissing(server.aliases.get(last(path)), (room_id) => ({ room_id, servers: [] }))],
    [/\/event\/[^/]+$/, () => orMissing(server.events.get(last(path)), (event) => event)],
    [/\/leave$|\/account_data\//, () => json(200, {})],
    [
      /\/join$|\/join\//,
      () =>
        server.refusedJoins
          ? json(server.refusedJoins, { errcode: "M_UNKNOWN", error: "Failed to make_join" })
          : json(200, { room_id: roomId || last(path) }),
    ],
    [/\/typing\/|\/profile\//, () => json(200, {})],
    [/\/upload$/, () => json(200, { content_uri: "mxc://hs.test/avatar" })],
  ];
  const found = answers.find(([pattern]) => pattern.test(path));
  return found ? found[1]() : UNRECOGNIZED();
}

function memberEvent({ names }: FakeHomeserver, userId: string): object {
  const displayname = names.get(userId);
  return {
    type: "m.room.member",
    state_key: userId,
    sender: userId,
    content: { membership: "join", ...(displayname === undefined ? {} : { displayname }) },
  };
}

const UNRECOGNIZED = () => json(404, { errcode: "M_UNRECOGNIZED", error: "Unrecognized request" });

const NOT_IN_ROOM = () => json(403, { errcode: "M_FORBIDDEN", error: "Appservice not in room" });

const last = (path: string): string => decodeURIComponent(path.split("/").at(-1) ?? "");

const orMissing = <T>(one: T | undefined, body: (one: T) => object): Response =>
  one === undefined ? json(404, { errcode: "M_NOT_FOUND", error: "Not found." }) : json(200, body(one));

function stateOf(server: FakeHomeserver, { method, path }: UserRequest, roomId: string): Response {
  if (method === "PUT") return json(200, { event_id: "$state" });
  const type = path.match(/\/state\/([^/]+)/)?.[1] ?? "";
  return orMissing(server.state.get(`${roomId}|${decodeURIComponent(type)}`), (event) => event);
}

function register(server: FakeHomeserver, body: unknown): Response {
  const { username } = body as { username: string };
  const userId = `@${username}:hs.test`;
  if (server.users.has(userId)) return json(400, { errcode: "M_USER_IN_USE", error: "User ID already taken." });
  server.users.add(userId);
  return json(200, { user_id: userId, home_server: "hs.test" });
}

function send(
  server: FakeHomeserver,
  request: { path: string; userId: string; deviceId: string; body: unknown },
): Response {
  const refusal = server.refusals.shift();
  if (refusal === "unreachable") throw new TypeError("fetch failed");
  if (refusal) return refusal;
  const known = server.sent.find((sent) => sent.path === request.path && !sent.isForgotten);
  const eventId = known?.eventId ?? `$sent${server.sent.length}`;
  if (!known) {
    server.sent.push({
      path: request.path,
      userId: request.userId,
      deviceId: request.deviceId,
      content: request.body as JsonObject,
      eventId,
    });
  }
  if (server.loseAnswers > 0) {
    server.loseAnswers--;
    throw new TypeError("fetch failed");
  }
  return json(200, { event_id: eventId });
}
