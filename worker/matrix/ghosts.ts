/**
 * Our users on the homeserver, made on demand: the account, one device, name and avatar, each once. What is done is
 * remembered in the ledger after it is done, and every step may be repeated.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions
 */
import * as z from "zod/v4";
import type { Agent } from "#core/configuration/agent.ts";
import { BOT_NAME } from "#core/configuration/agent.ts";
import type { HomeserverError } from "#core/protocol/errcode.ts";
import { botUserId, ghostUserId, type Namespace, splitUserId, type UserId } from "#core/protocol/ids.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Answer, Ghost, Ghosts } from "#ports/homeserver.ts";
import type { Log } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import type { Call } from "./client-server.ts";
import { bindIntent } from "./intent.ts";

/** Device ids are a user's own, so every one of ours may bear the same name. */
const DEVICE_ID = "TROUPE";

interface Needs {
  call: Call;
  ledger: Ledger;
  namespace: Namespace;
  log: Log;
}

export function ghosts(needs: Needs): Ghosts {
  const { call, ledger, namespace, log } = needs;
  return {
    async bot() {
      const bot = await enteredBot(needs);
      if (bot.ok) return ok(bindIntent(call, bot.value.userId, bot.value.deviceId));
      log("ghost_failed", { user: botUserId(namespace), status: bot.error.status, errcode: bot.error.errcode });
      return bot;
    },
    existing: (userId, deviceId) => bindIntent(call, userId, deviceId),
    ping: (appserviceId) =>
      call({
        method: "POST",
        path: `/_matrix/client/v1/appservice/${encodeURIComponent(appserviceId)}/ping`,
        body: JSON.stringify({ transaction_id: crypto.randomUUID() }),
      }),
    async intent(agent) {
      const userId = ghostUserId(namespace, agent.id);
      const known = await ledger.ghost(userId);
      const ghost = known ? ok(known) : await enter(call, userId, agent.name);
      if (!ghost.ok) {
        log("ghost_failed", { user: userId, status: ghost.error.status, errcode: ghost.error.errcode });
        return ghost;
      }
      const profile = await profileOf(agent);
      if (ghost.value.profile !== profile) {
        const shown = await showProfile(call, ghost.value, agent);
        // A name that could not be set keeps nobody from answering: it is tried again at the next turn.
        if (shown.ok) await ledger.setGhost({ ...ghost.value, profile });
        else {
          log("ghost_failed", { user: userId, status: shown.error.status, errcode: shown.error.errcode });
          if (!known) await ledger.setGhost(ghost.value);
        }
      }
      return ok(bindIntent(call, userId, ghost.value.deviceId));
    },
  };
}

const Whoami = z.object({ device_id: z.string().optional() });

/** The bot's own account and device, made once. */
async function enteredBot({ call, ledger, namespace }: Needs): Promise<Result<Ghost, HomeserverError>> {
  const userId = botUserId(namespace);
  const known = await ledger.ghost(userId);
  if (known) return ok(known);
  const bot = await enter(call, userId, BOT_NAME);
  if (bot.ok) await ledger.setGhost(bot.value);
  return bot;
}

/**
 * The bot's own account and device, then the question whether the homeserver understands `device_id` at all: one that
 * does not repeats messages after its restarts, and the operator should know.
 */
export async function enterBot(needs: Needs): Promise<Result<"understood" | "ignored", HomeserverError>> {
  const { call, log } = needs;
  const bot = await enteredBot(needs);
  if (!bot.ok) return bot;
  const identity = { user_id: bot.value.userId, device_id: bot.value.deviceId };
  const answer = await call({ method: "GET", path: "/_matrix/client/v3/account/whoami", query: identity });
  if (!answer.ok) return answer;
  const understood = Whoami.catch({}).parse(answer.value).device_id === bot.value.deviceId;
  if (!understood) log("homeserver_without_device_id");
  return ok(understood ? "understood" : "ignored");
}

/** Account and device. Neither request may carry the device id: it does not exist yet. */
async function enter(call: Call, userId: UserId, name: string): Promise<Result<Ghost, HomeserverError>> {
  const [localpart] = splitUserId(userId);
  const account = await call({
    method: "POST",
    path: "/_matrix/client/v3/register",
    body: JSON.stringify({ type: "m.login.application_service", username: localpart, inhibit_login: true }),
  });
  if (!account.ok && account.error.errcode !== "M_USER_IN_USE") return account;
  const device = await call({
    method: "PUT",
    path: `/_matrix/client/v3/devices/${DEVICE_ID}`,
    query: { user_id: userId },
    body: JSON.stringify({ display_name: name }),
  });
  return device.ok ? ok({ userId, deviceId: DEVICE_ID }) : device;
}

async function showProfile(call: Call, ghost: Ghost, agent: Pick<Agent, "name" | "avatar">): Promise<Answer> {
  const identity = { user_id: ghost.userId, device_id: ghost.deviceId };
  const path = `/_matrix/client/v3/profile/${encodeURIComponent(ghost.userId)}`;
  const body = JSON.stringify({ displayname: agent.name });
  const named = await call({ method: "PUT", path: `${path}/displayname`, query: identity, body });
  if (!named.ok || !agent.avatar) return named;
  const uploaded = await call({
    method: "POST",
    path: "/_matrix/media/v3/upload",
    query: identity,
    body: Uint8Array.from(atob(agent.avatar.base64), (character) => character.charCodeAt(0)),
    contentType: agent.avatar.mediaType,
  });
  if (!uploaded.ok) return uploaded;
  const uri = uploaded.value["content_uri"];
  if (typeof uri !== "string") return err({ status: 200, errcode: "M_UNKNOWN", message: "upload without content_uri" });
  return call({
    method: "PUT",
    path: `${path}/avatar_url`,
    query: identity,
    body: JSON.stringify({ avatar_url: uri }),
  });
}

/** What tells one state of a name and a picture from another; most agents have no picture. */
const profileOf = async ({ name, avatar }: Pick<Agent, "name" | "avatar">): Promise<string> =>
  JSON.stringify(avatar ? [name, avatar.mediaType, await digest(avatar.base64)] : [name]);

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes).slice(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
