/**
 * Makes a user of ours anew whose account or device the homeserver has lost: somebody deleted the device, or the
 * homeserver's database was restored from before it was made. The request is then repeated once.
 *
 * The device gets the id it had, so a frozen request goes out byte for byte. The homeserver forgets the transaction ids of
 * a device together with it: only a message that it had accepted, and whose answer was lost, could appear twice.
 */
import { putDevice, registerUser } from "#core/protocol/client/account.ts";
import { isGone } from "#core/protocol/errcode.ts";
import { splitUserId, type UserId } from "#core/protocol/ids.ts";
import type { Answer, Ghost, GhostLedger } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Call } from "./client-server.ts";

interface Needs {
  call: Call;
  ledger: Pick<GhostLedger, "setGhost">;
  clock: Pick<Clock, "now">;
  log: Log;
}

/** A user that is lost again within this time stays so: something deletes it. */
const PAUSE_MS = 5 * 60_000;

/** A `call` that makes lost users anew. */
export function reviving({ call, ledger, clock, log }: Needs): Call {
  const triedAtMs = new Map<UserId, number>();

  const mayTry = (userId: UserId): boolean => {
    const nowMs = clock.now();
    for (const [user, atMs] of triedAtMs) if (Math.abs(nowMs - atMs) >= PAUSE_MS) triedAtMs.delete(user);
    if (triedAtMs.has(userId)) return false;
    triedAtMs.set(userId, nowMs);
    return true;
  };

  return async (request, identity) => {
    const answer = await call(request, identity);
    if (answer.ok || identity?.deviceId === undefined || !isGone(answer.error)) return answer;
    const { userId, deviceId } = identity;
    if (!mayTry(userId)) return answer;
    const made = await enter(call, userId, deviceId, splitUserId(userId)[0]);
    log("ghost_made_anew", { user: userId, because: answer.error.errcode, ...(made.ok ? {} : made.error) });
    if (!made.ok) return answer;
    // Without a profile: name and picture are shown anew at the next turn.
    await ledger.setGhost(made.value);
    return call(request, identity);
  };
}

/** Makes an account and its device. Neither request may carry the device id: the device does not exist yet. */
export async function enter(call: Call, userId: UserId, deviceId: string, name: string): Promise<Answer<Ghost>> {
  const [localpart] = splitUserId(userId);
  const account = await call(registerUser(localpart));
  if (!account.ok && account.error.errcode !== "M_USER_IN_USE") return account;
  const device = await call(putDevice(deviceId, name), { userId });
  return device.ok ? { ok: true, value: { userId, deviceId } } : device;
}
