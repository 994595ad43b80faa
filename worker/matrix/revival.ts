/**
 * Makes a user of ours anew whose account or device the homeserver has lost: somebody deleted the device, or the
 * homeserver's database was restored from before it was made. The request is then repeated once. Whether it is lost is asked
 * again: the error of a join may be another server's, which the homeserver passes on word for word.
 *
 * The device gets the id it had, so a frozen request goes out byte for byte. The homeserver forgets the transaction ids of
 * a device together with it: only a message that it had accepted, and whose answer was lost, could appear twice.
 */
import { putDevice, registerUser, whoAmI } from "#core/protocol/client/account.ts";
import { type HomeserverError, isGone, isLacking, isPassing } from "#core/protocol/errcode.ts";
import { splitUserId, type UserId } from "#core/protocol/ids.ts";
import { ok } from "#core/result.ts";
import type { Answer, Ghost, GhostLedger } from "#ports/homeserver.ts";
import type { Clock, Log } from "#ports/host.ts";
import type { Call, Identity } from "./client-server.ts";

interface Needs {
  call: Call;
  ledger: Pick<GhostLedger, "setGhost">;
  clock: Pick<Clock, "now">;
  log: Log;
  /** Called when the account of a user was lost: then the homeserver may have lost more. */
  onLost: () => Promise<void>;
}

/** For this long a user stays lost whom it did not help to be made anew. */
const PAUSE_MS = 30_000;

interface Revival {
  atMs: number;
  /** True when the user was made. */
  made: Promise<boolean>;
  isOver: boolean;
  /** A request that had waited for it was answered otherwise than before. */
  hasHelped: boolean;
}

/** A `call` that makes lost users anew. */
export function reviving({ call, ledger, clock, log, onLost }: Needs): Call {
  const revivals = new Map<UserId, Revival>();

  async function remember(made: Ghost, because: HomeserverError): Promise<void> {
    // Without a profile: name and picture are shown anew at the next turn.
    await ledger.setGhost(made);
    if (!isDeviceOnly(because)) await onLost();
  }

  function begin({ userId, deviceId }: Required<Identity>, because: string): Revival {
    const revival: Revival = { atMs: clock.now(), made: make(), isOver: false, hasHelped: false };
    async function make(): Promise<boolean> {
      const found = await call(whoAmI(), { userId, deviceId });
      if (found.ok || !isGone(found.error)) {
        revivals.delete(userId);
        return false;
      }
      const made = await enter(call, userId, deviceId, splitUserId(userId)[0]);
      log("ghost_made_anew", { user: userId, because, ...(made.ok ? {} : made.error) });
      if (!made.ok) {
        if (isPassing(made.error)) revivals.delete(userId);
        return false;
      }
      await remember(made.value, found.error);
      return true;
    }
    const over = () => {
      revival.isOver = true;
    };
    revival.made.then(over, over);
    revivals.set(userId, revival);
    return revival;
  }

  /**
   * The revival that a failed request waits for. A user that was made anew and is lost another time is made anew again; none
   * where the last time has not helped.
   */
  function revivalFor(identity: Required<Identity>, before: Revival | undefined, because: string): Revival | undefined {
    const nowMs = clock.now();
    for (const [user, { atMs }] of revivals) if (Math.abs(nowMs - atMs) >= PAUSE_MS) revivals.delete(user);
    const latest = revivals.get(identity.userId);
    if (!latest) return begin(identity, because);
    if (latest !== before || !latest.isOver) return latest;
    return latest.hasHelped ? begin(identity, because) : undefined;
  }

  return async (request, identity) => {
    const before = identity && revivals.get(identity.userId);
    const answer = await call(request, identity);
    if (answer.ok || identity?.deviceId === undefined || !isGone(answer.error)) return answer;
    const { userId, deviceId } = identity;
    const revival = revivalFor({ userId, deviceId }, before, answer.error.errcode);
    if (!revival || !(await revival.made)) return answer;
    const again = await call(request, identity);
    if (again.ok || !isGone(again.error)) revival.hasHelped = true;
    return again;
  };
}

/** The user is known, and the device is not. */
const isDeviceOnly = ({ errcode }: HomeserverError): boolean => errcode !== "M_FORBIDDEN";

/**
 * Makes an account and its device, where `deviceId` is not empty and the homeserver has devices for appservices. Neither
 * request may carry the device id: the device does not exist yet.
 */
export async function enter(call: Call, userId: UserId, deviceId: string, name: string): Promise<Answer<Ghost>> {
  const [localpart] = splitUserId(userId);
  const account = await call(registerUser(localpart));
  if (!account.ok && account.error.errcode !== "M_USER_IN_USE") return account;
  if (deviceId === "") return ok({ userId, deviceId });
  const device = await call(putDevice(deviceId, name), { userId });
  if (device.ok) return ok({ userId, deviceId });
  return isLacking(device.error) ? ok({ userId, deviceId: "" }) : device;
}
