/**
 * Whether the database takes writes: by the homeserver's last transaction or, where that is a while ago, by a try of our
 * own. Without it the disk could be full and every transaction refused while `/health` says that all is well.
 */
import { messageOf } from "#core/result.ts";
import type { Clock, Log, Writes } from "#ports/host.ts";
import type { OperatorLedger } from "#ports/operator.ts";
import type { RoomLedger } from "#ports/rooms.ts";

/** A try of our own at most this often, whoever asks: `/health` is open to everyone, and writes cost. */
const TRY_MS = 10_000;

interface Needs {
  writes: Writes;
  ledger: Pick<OperatorLedger, "tryWrite">;
  clock: Clock;
  log: Log;
}

/** Remembers how the storing of each transaction ended. */
export const noting =
  (writes: Writes, { accept }: Pick<RoomLedger, "accept">, clock: Clock): RoomLedger["accept"] =>
  async (push) => {
    try {
      const rooms = await accept(push);
      writes.last = { ok: true, atMs: clock.now() };
      return rooms;
    } catch (error) {
      writes.last = { ok: false, atMs: clock.now() };
      throw error;
    }
  };

/** Counts the transactions in a row that the homeserver has to repeat, because of whatever error of ours. */
export function countRefused(writes: Writes, isTaken: boolean): void {
  writes.refused = isTaken ? 0 : (writes.refused ?? 0) + 1;
  writes.isAskedToRepeat = false;
}

/**
 * Asks the homeserver to repeat at once what was refused. Without that it waits for its back-off, which grows to minutes.
 * Called when the database was just written to.
 *
 * @see https://github.com/element-hq/synapse/blob/develop/synapse/rest/client/appservice_ping.py
 */
export async function askToRepeat(writes: Writes, ping: () => Promise<unknown>): Promise<void> {
  if (!writes.refused || writes.isAskedToRepeat) return;
  writes.isAskedToRepeat = true;
  await ping();
}

/** Whether transactions can be stored at the moment. */
export async function takesWrites({ writes, ledger, clock, log }: Needs): Promise<boolean> {
  const nowMs = clock.now();
  const { last } = writes;
  // The distance, because the clock may have been set back.
  if (last && Math.abs(nowMs - last.atMs) < TRY_MS) return last.ok;
  // Noted before the try, so that whoever asks in the meantime gets the last answer and starts no other try.
  writes.last = { ok: last?.ok ?? true, atMs: nowMs };
  const ok = await ledger.tryWrite(nowMs).then(
    () => true,
    (error: unknown) => {
      log("request_failed", { path: "/health", error: messageOf(error) });
      return false;
    },
  );
  writes.last = { ok, atMs: nowMs };
  return ok;
}
