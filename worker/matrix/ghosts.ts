/**
 * Our users on the homeserver, made on demand: the account, one device, name and avatar, each once. The ledger remembers a
 * step after it was done; every step is idempotent.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions
 */
import { type Agent, BOT_NAME } from "#core/configuration/agent.ts";
import { actingDevice } from "#core/protocol/client/account.ts";
import { uploadMedia } from "#core/protocol/client/media.ts";
import { setAvatarUrl, setDisplayName } from "#core/protocol/client/profile.ts";
import { pingAppservice } from "#core/protocol/client/server.ts";
import { botUserId, ghostUserId, type Namespace, type UserId } from "#core/protocol/ids.ts";
import { err, ok } from "#core/result.ts";
import type { Answer, Ghost, GhostLedger, Ghosts, Intent } from "#ports/homeserver.ts";
import type { Log } from "#ports/host.ts";
import type { Call } from "./client-server.ts";
import { bindIntent } from "./intent.ts";
import { enter } from "./revival.ts";

/** The device every ghost is made with. Device ids are a user's own, so all may be the same. */
const DEVICE_ID = "TROUPE";

interface Needs {
  call: Call;
  ledger: GhostLedger;
  namespace: Namespace;
  log: Log;
}

export function ghosts(needs: Needs): Ghosts {
  const { call, ledger, namespace, log } = needs;
  const logFailure = (user: UserId, { status, errcode }: { status: number; errcode: string }) =>
    log("ghost_failed", { user, status, errcode });
  return {
    async bot() {
      const bot = await knownBot(needs);
      if (bot.ok) return ok(bindIntent(call, bot.value.userId, bot.value.deviceId));
      logFailure(botUserId(namespace), bot.error);
      return bot;
    },
    existing: (userId, deviceId) => bindIntent(call, userId, deviceId),
    as: (userId) => ({ userId, send: (request) => call(request, { userId }) }),
    ping: (appserviceId) => call(pingAppservice(appserviceId, crypto.randomUUID())),
    async intent(agent, given) {
      const userId = ghostUserId(namespace, agent.id);
      const known = given ?? (await ledger.ghost(userId));
      const ghost = known ? ok(known) : await enter(call, userId, DEVICE_ID, agent.name);
      if (!ghost.ok) {
        logFailure(userId, ghost.error);
        return ghost;
      }
      const intent = bindIntent(call, userId, ghost.value.deviceId);
      const profile = await profileOf(agent);
      if (ghost.value.profile !== profile) {
        const shown = await showProfile(intent, agent);
        // An agent answers without its name or picture too: they are tried again at the next turn.
        if (shown.ok) await ledger.setGhost({ ...ghost.value, profile });
        else {
          logFailure(userId, shown.error);
          if (!known) await ledger.setGhost(ghost.value);
        }
      }
      return ok(intent);
    },
  };
}

/** The bot as the ledger knows it, made at the first call. */
async function knownBot({ call, ledger, namespace }: Needs): Promise<Answer<Ghost>> {
  const userId = botUserId(namespace);
  const known = await ledger.ghost(userId);
  if (known) return ok(known);
  const bot = await enter(call, userId, DEVICE_ID, BOT_NAME);
  if (bot.ok) await ledger.setGhost(bot.value);
  return bot;
}

/**
 * Makes the bot's account and device, then finds out whether the homeserver understands `device_id`. One that does not
 * sends messages twice after its restarts, so the log warns the operator.
 */
export async function enterBot(needs: Needs): Promise<Answer<undefined>> {
  const { call, log } = needs;
  const bot = await knownBot(needs);
  if (!bot.ok) return bot;
  const device = await call(actingDevice(), bot.value);
  if (!device.ok) return device;
  if (device.value !== bot.value.deviceId) log("homeserver_without_device_id");
  return ok(undefined);
}

async function showProfile(
  { send, userId }: Intent,
  { name, avatar }: Pick<Agent, "name" | "avatar">,
): Promise<Answer<undefined>> {
  const named = await send(setDisplayName(userId, name));
  if (!named.ok || !avatar) return named;
  const bytes = bytesOf(avatar.base64);
  if (!bytes) return err({ status: 0, errcode: "M_UNKNOWN", message: "the picture is no base64" });
  const uploaded = await send(uploadMedia(bytes, avatar.mediaType));
  return uploaded.ok ? send(setAvatarUrl(userId, uploaded.value)) : uploaded;
}

/** Undefined where a stored picture was damaged. */
function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** A text that changes whenever the name or the picture does. */
const profileOf = async ({ name, avatar }: Pick<Agent, "name" | "avatar">): Promise<string> =>
  JSON.stringify(avatar ? [name, avatar.mediaType, await digest(avatar.base64)] : [name]);

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes).slice(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
