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
