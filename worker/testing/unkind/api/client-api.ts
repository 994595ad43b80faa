/**
 * The part of the client–server API that an appservice uses. Answers and refusals are those of Synapse. A request that
 * Synapse would refuse for its token, its user or its path is also added to `violations`.
 */
import type { JsonObject } from "#core/protocol/event.ts";
import { isOurs, UserId } from "#core/protocol/ids.ts";
import { membership, setMembership } from "../store.ts";
import {
  type Answer,
  answer,
  type Call,
  type Needs,
  type Respond,
  type Route,
  refusal,
  type UserCall,
} from "./call.ts";
import { roomAnswers } from "./room-api.ts";

export function clientApi(needs: Needs, send: Respond): (call: Call) => Promise<Answer> {
  const routes: Route[] = [...accountAnswers(needs), ...roomAnswers(needs, send)];
  return async (call) => {
    if (call.rawPath === "/_matrix/client/versions")
      return answer(200, { versions: ["v1.1", "v1.12", "v1.15"], unstable_features: {} });
    const identified = identify(needs, call);
    if (isAnswer(identified)) {
      if (identified.status !== 400)
        needs.violations.push(`${call.method} ${call.rawPath}: ${JSON.stringify(identified.body)}`);
      return identified;
    }
    const path = call.rawPath.replace(/^\/_matrix/, "");
    for (const [method, pattern, respond] of routes) {
      const parts = call.method === method ? path.match(pattern) : null;
      if (parts) return respond(identified, parts.slice(1).map(decodeURIComponent));
    }
    needs.violations.push(`${call.method} ${call.rawPath}: not known here`);
    return refusal(404, "M_UNRECOGNIZED", "Unrecognized request");
  };
}

const isAnswer = (one: UserCall | Answer): one is Answer => "status" in one;

function identify({ store, namespace, asToken }: Needs, call: Call): UserCall | Answer {
  if (call.token === undefined) return refusal(401, "M_MISSING_TOKEN", "Missing access token");
  if (call.token !== asToken) return refusal(401, "M_UNKNOWN_TOKEN", "Unrecognised access token");
  if (call.body === "no JSON") return refusal(400, "M_NOT_JSON", "Content not JSON.");
  if (call.body === "no object") return refusal(400, "M_BAD_JSON", "Content must be a JSON object.");
  const bot = `@${namespace.botLocalpart}:${namespace.serverName}`;
  const givenId = call.query.get("user_id");
  const deviceId = call.query.get("device_id") ?? undefined;
  const userId = givenId ?? bot;
  const parsed = UserId.safeParse(userId);
  if (!(parsed.success && isOurs(namespace, parsed.data)))
    return refusal(403, "M_FORBIDDEN", `Application service cannot masquerade as this user (${userId}).`);
  if (userId !== bot && !store.users.has(userId))
    return refusal(403, "M_FORBIDDEN", `Application service has not registered this user (${userId})`);
  if (deviceId !== undefined && givenId === null) return refusal(500, "M_UNKNOWN", "Internal server error");
  if (deviceId !== undefined && !store.devices.has(`${userId}|${deviceId}`))
    return refusal(
      400,
      "M_UNKNOWN_DEVICE",
      `Application service trying to use a device that doesn't exist ('${deviceId}' for ${userId})`,
    );
  return { ...call, body: call.body, userId, deviceId };
}

function accountAnswers(needs: Needs): Route[] {
  const { store } = needs;
  return [
    ["POST", /^\/client\/v3\/register$/, ({ body }) => register(needs, body)],
    [
      "GET",
      /^\/client\/v3\/account\/whoami$/,
      ({ userId, deviceId }) =>
        answer(200, { user_id: userId, is_guest: false, ...(deviceId === undefined ? {} : { device_id: deviceId }) }),
    ],
    [
      "PUT",
      /^\/client\/v3\/devices\/([^/]+)$/,
      ({ userId }, [device]) => {
        const isNew = !store.devices.has(`${userId}|${device}`);
        store.devices.add(`${userId}|${device}`);
        return answer(isNew ? 201 : 200);
      },
    ],
    ["PUT", /^\/client\/v3\/user\/[^/]+\/account_data\/[^/]+$/, () => answer(200)],
    [
      "PUT",
      /^\/client\/v3\/profile\/([^/]+)\/(displayname|avatar_url)$/,
      (call, [user = "", field]) => setProfile(needs, call, user, field),
    ],
    [
      "GET",
      /^\/client\/v3\/profile\/([^/]+)$/,
      (_, [user = ""]) => {
        const profile = store.users.get(user);
        return profile ? answer(200, { ...profile }) : refusal(404, "M_NOT_FOUND", "Profile was not found");
      },
    ],
    [
      "POST",
      /^\/media\/v3\/upload$/,
      () => answer(200, { content_uri: `mxc://${store.serverName}/${store.id("$").slice(1, 25)}` }),
    ],
    ["POST", /^\/client\/v1\/appservice\/([^/]+)\/ping$/, ({ body }, [id]) => ping(needs, id, body)],
  ];
}

function register({ store, namespace }: Needs, body: JsonObject): Answer {
  const userId = UserId.safeParse(`@${String(body["username"])}:${namespace.serverName}`);
  if (!(userId.success && isOurs(namespace, userId.data)))
    return refusal(400, "M_EXCLUSIVE", "Invalid user localpart for this application service.");
  if (store.users.has(userId.data)) return refusal(400, "M_USER_IN_USE", "User ID already taken.");
  store.users.set(userId.data, { displayname: String(body["username"]) });
  return answer(200, { user_id: userId.data, home_server: namespace.serverName });
}

function setProfile(
  { store, written }: Needs,
  { userId, body }: UserCall,
  user: string,
  field: string | undefined,
): Answer {
  if (user !== userId) return refusal(400, "M_UNKNOWN", "Cannot set another user's displayname");
  const before = store.users.get(user);
  const profile = { ...before, [field ?? ""]: String(body[field ?? ""]) };
  if (JSON.stringify(before) === JSON.stringify(profile)) return answer(200);
  store.users.set(user, profile);
  // A new name is a new member event in every room the user is in.
  for (const room of store.rooms.values())
    if (membership(room, user) === "join") setMembership(store, room.id, user, user, { membership: "join" });
  written();
  return answer(200);
}

async function ping(
  { appserviceId, ping: sendPing, forceRetry }: Needs,
  id: string | undefined,
  body: JsonObject,
): Promise<Answer> {
  if (id !== appserviceId) return refusal(403, "M_FORBIDDEN", "Mismatching application service ID in path");
  const startedAtMs = Date.now();
  const heard = await sendPing(body["transaction_id"]);
  if (heard === "nothing") return refusal(502, "M_CONNECTION_FAILED", "no answer");
  if (heard.status < 200 || heard.status > 299)
    return answer(502, {
      errcode: "M_BAD_STATUS",
      error: `HTTP ${heard.status}`,
      status: heard.status,
      body: heard.text,
    });
  try {
    JSON.parse(heard.text);
  } catch (error) {
    return refusal(502, "M_CONNECTION_FAILED", `JSONDecodeError: ${error instanceof Error ? error.message : ""}`);
  }
  forceRetry();
  return answer(200, { duration_ms: Date.now() - startedAtMs });
}
