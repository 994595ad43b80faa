/**
 * Our users on the homeserver, made on demand: the account, one device, name and avatar, each once. The ledger remembers a
 * step after it was done; every step is idempotent.
 *
 * @see https://spec.matrix.org/v1.19/application-service-api/#server-admin-style-permissions
 */
import { type Agent, BOT_NAME } from "#core/configuration/agent.ts";
import { takesDevices } from "#core/protocol/capabilities.ts";
import { whoAmI } from "#core/protocol/client/account.ts";
import { uploadMedia } from "#core/protocol/client/media.ts";
import { setAvatarUrl, setDisplayName } from "#core/protocol/client/profile.ts";
import { pingAppservice } from "#core/protocol/client/server.ts";
import { botUserId, ghostUserId, type Namespace, type UserId } from "#core/protocol/ids.ts";
import { err, ok } from "#core/result.ts";
import type { Answer, Ghost, GhostLedger, Ghosts, Intent } from "#ports/homeserver.ts";
import type { Log } from "#ports/host.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import { DEVICE_ID, knownCapabilities } from "./capabilities.ts";
import type { Call } from "./client-server.ts";
import { digest } from "./digest.ts";
import { bindIntent } from "./intent.ts";
import { enter } from "./revival.ts";

interface Needs {
  call: Call;
  ledger: Pick<GhostLedger, "ghost" | "setGhost"> & Pick<OperatorLedger, "mark">;
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
      const ghost = known ? ok(known) : await make(needs, userId, agent.name);
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

/** Makes an account, with a device where the homeserver has them. */
async function make({ call, ledger }: Needs, userId: UserId, name: string): Promise<Answer<Ghost>> {
  const deviceId = takesDevices(await knownCapabilities(ledger)) ? DEVICE_ID : "";
  return enter(call, userId, deviceId, name);
}

/** The bot as the ledger knows it, made at the first call. */
async function knownBot(needs: Needs): Promise<Answer<Ghost>> {
  const { ledger, namespace } = needs;
  const userId = botUserId(namespace);
  const known = await ledger.ghost(userId);
  if (known) return ok(known);
  const bot = await make(needs, userId, BOT_NAME);
  if (bot.ok) await ledger.setGhost(bot.value);
  return bot;
}

/** Makes the bot's account and device, then asks the homeserver whether it knows them. */
export async function enterBot(needs: Needs): Promise<Answer<undefined>> {
  const bot = await knownBot(needs);
  return bot.ok ? needs.call(whoAmI(), bot.value) : bot;
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
