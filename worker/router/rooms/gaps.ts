/**
 * Gaps: events the homeserver never pushed. It loses its queue when it dies while we are slow, and pushes nothing of a
 * room between an invitation and the join. Missing events are read back with `/messages` and stored in their place in the
 * room, then handled like all others.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages
 */
import { BOUNDS } from "#core/bounds.ts";
import { messagesBefore } from "#core/protocol/client/messages.ts";
import type { RoomEvent } from "#core/protocol/event.ts";
import type { Namespace, RoomId } from "#core/protocol/ids.ts";
import { readSlice } from "#core/protocol/transaction.ts";
import type { Ghosts, Intent } from "#ports/homeserver.ts";
import type { Clock } from "#ports/host.ts";
import type { Ledger } from "#ports/ledger.ts";
import { readRoom } from "./read-room.ts";
import { Trouble } from "./trouble.ts";

interface Needs {
  ledger: Ledger;
  clock: Clock;
}

/**
 * Stores the missing events of a room; events older than all known ones are history from before the agent joined. Returns
 * how many were missing. Throws `Trouble` when the room cannot be read.
 */
export async function readBack(needs: Needs, intent: Intent, roomId: RoomId): Promise<number> {
  const { ledger, clock } = needs;
  const { events, known } = await latest(needs, intent, roomId);
  // Read newest first, stored oldest first.
  const among = events.reverse();
  const first = among.findIndex((event) => known.has(event.event_id));
  const missing = first < 0 ? [] : among.slice(first).filter((event) => !known.has(event.event_id));
  if (missing.length === 0) return 0;
  const ids = among.map((event) => event.event_id);
  // Idempotent: an event that was pushed meanwhile is not stored twice.
  await inSlices(clock, missing, BOUNDS.gapSlice.max, (slice) =>
    ledger.accept({ events: slice, deadLetters: [], nowMs: clock.now(), among: ids }),
  );
  return missing.length;
}

/** Reads and works on events as on those of a transaction: what is too large or too deep is left out, and other work goes on. */
async function inSlices(
  clock: Clock,
  raws: readonly unknown[],
  sizeMax: number,
  work: (events: RoomEvent[]) => unknown,
): Promise<void> {
  for (let at = 0; at < raws.length; ) {
    if (at > 0) await clock.sleep(0);
    const { events, end } = readSlice(raws, at, sizeMax);
    await work(events);
    at = end;
  }
}

/** The same as one of the agents in the room. 0 when there is none. */
export async function repair(needs: Needs & { ghosts: Ghosts; namespace: Namespace }, roomId: RoomId): Promise<number> {
  const { present, state } = await needs.ledger.room(roomId);
  const [first] = present;
  const agent = first && (await needs.ledger.agent(first.agent.id));
  const intent = agent && (await needs.ghosts.intent(agent));
  if (!intent?.ok) return 0;
  // Every room has a creator: without one the state was never read.
  if (state.creators.length === 0) await readRoom(needs, intent.value, roomId);
  return readBack(needs, intent.value, roomId);
}

/** Reads pages until one has only known events, or none while earlier pages had some. */
async function latest({ ledger, clock }: Needs, intent: Intent, roomId: RoomId) {
  const events: RoomEvent[] = [];
  const known = new Set<string>();
  let from: string | undefined;
  for (let page = 0; page < BOUNDS.gapPages.max; page++) {
    const back = await intent.send(messagesBefore(roomId, from));
    if (!back.ok) throw new Trouble(`${roomId} cannot be read back`, back.error);
    const read: RoomEvent[] = [];
    await inSlices(clock, back.value.raws, BOUNDS.sliceSize.max, (slice) =>
      read.push(...slice.filter((one) => one.room_id === roomId)),
    );
    const familiar = await ledger.known(read.map((event) => event.event_id));
    events.push(...read);
    for (const id of familiar.keys()) known.add(id);
    from = back.value.next;
    const isPast = familiar.size === 0 && known.size > 0;
    if (isPast || familiar.size === read.length || from === undefined) break;
  }
  return { events, known };
}
