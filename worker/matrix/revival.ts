/**
 * Makes a user of ours anew whose account or device the homeserver has lost: somebody deleted the device, or the
 * homeserver's database was restored from before it was made. The request is then repeated once. Whether it is lost is asked
 * again: the error of a join may be another server's, which the homeserver passes on word for word.
 *
 * The device gets the id it had, so a frozen request goes out byte for byte. The homeserver forgets the transaction ids of
 * a device together with it: only a message that it had accepted, and whose answer was lost, could appear twice.
 */
import { putDevice, registerUser, whoAmI } from "#core/protocol/client/account.ts";
import { isGone } from "#core/protocol/errcode.ts";
import { splitUserId, type UserId } from "#core/protocol/ids.ts";
import type { Answer, Ghost, GhostLedger } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Call, Identity } from "./client-server.ts";

interface Needs {
  call: Call;
  ledger: Pick<GhostLedger, "setGhost">;
  clock: Pick<Clock, "now">;
  log: Log;
}

/** A user that is lost again within this time stays so: something deletes it. */
const PAUSE_MS = 5 * 60_000;

interface Revival {
  atMs: number;
  /** True when the user was made. */
  made: Promise<boolean>;
  isOver: boolean;
}

/** A `call` that makes lost users anew. */
export function reviving({ call, ledger, clock, log }: Needs): Call {
  const revivals = new Map<UserId, Revival>();

  function begin({ userId, deviceId }: Required<Identity>, because: string): Revival {
    const revival: Revival = { atMs: clock.now(), made: make(), isOver: false };
    async function make(): Promise<boolean> {
      const found = await call(whoAmI(), { userId, deviceId });
      if (found.ok || !isGone(found.error)) {
        revivals.delete(userId);
        return false;
      }
      const made = await enter(call, userId, deviceId, splitUserId(userId)[0]);
      log("ghost_made_anew", { user: userId, because, ...(made.ok ? {} : made.error) });
      // Without a profile: name and picture are shown anew at the next turn.
      if (made.ok) await ledger.setGhost(made.value);
      return made.ok;
    }
    const over = () => {
      revival.isOver = true;
    };
    revival.made.then(over, over);
    revivals.set(userId, revival);
    return revival;
  }

  /** The revival that a failed request waits for. None where the user was made anew before it, and is lost again. */
  function revivalFor(identity: Required<Identity>, before: Revival | undefined, because: string): Revival | undefined {
    const nowMs = clock.now();
    for (const [user, { atMs }] of revivals) if (Math.abs(nowMs - atMs) >= PAUSE_MS) revivals.delete(user);
    const latest = revivals.get(identity.userId);
    if (!latest) return begin(identity, because);
    return latest !== before || !latest.isOver ? latest : undefined;
  }

  return async (request, identity) => {
    const before = identity && revivals.get(identity.userId);
    const answer = await call(request, identity);
    if (answer.ok || identity?.deviceId === undefined || !isGone(answer.error)) return answer;
    const { userId, deviceId } = identity;
    const revival = revivalFor({ userId, deviceId }, before, answer.error.errcode);
    return (await revival?.made) ? call(request, identity) : answer;
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
